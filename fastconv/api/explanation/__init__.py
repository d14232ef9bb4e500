"""One output of a call, step by step: its window, its products, their sum and what becomes of it.

`call` finds the numbers (`model`); `text` and `html` write what `layout` chooses of them.
"""

from .call import explain
from .explanation import Explanation
from .model import Step, Tap, WindowAxis

__all__ = ["Explanation", "Step", "Tap", "WindowAxis", "explain"]
