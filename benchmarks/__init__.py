"""How fast fastconv is: an asv suite, and `side_by_side` for a comparison with other libraries.

Everything that is measured is a row of `cases.CASES`; the modules here decide how it is timed.
"""
