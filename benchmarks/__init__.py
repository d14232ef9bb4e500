"""How fast fastconv is: an asv suite, and `side_by_side` for a comparison with other libraries.

Everything measured is a row of `cases.CASES`; the modules here only say how a row is timed.
"""
