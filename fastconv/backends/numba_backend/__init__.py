from ..protocol import Backend


class NumbaBackend(Backend):
    name = "numba"

    def unavailable(self):
        return "being rebuilt"


backend = NumbaBackend()
