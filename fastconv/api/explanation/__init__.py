"""One output of a call, step by step: its window, its products, their sum and what becomes of it.

The numbers (`model`) are found by `call`, and written as text and as HTML.
"""

from .call import explain
from .model import Explanation, Tap, WindowAxis

__all__ = ["Explanation", "Tap", "WindowAxis", "explain"]
