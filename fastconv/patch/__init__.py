"""Let existing code that calls SciPy use fastconv instead: opt-in and reversible.

`fastconv.patch` is this module's function of the same name.
"""

from .calls import Report
from .switch import patch, patched, unpatch

__all__ = ["Report", "patch", "patched", "unpatch"]
