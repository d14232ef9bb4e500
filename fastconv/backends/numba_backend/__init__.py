"""placeholder"""


def unavailable():
    return "being written"
