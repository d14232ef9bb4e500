"""Explains one output of a call: its window, its products, their sum and the result.

`call` computes the numbers (`model`), `layout` selects what to show, and `text` and `html` show it.
"""

from .call import explain
from .explanation import Explanation
from .model import Step, Tap, WindowAxis

__all__ = ["Explanation", "Step", "Tap", "WindowAxis", "explain"]
