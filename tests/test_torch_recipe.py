"""The recipe of `docs/guide/pytorch.md`, as PyTorch checks gradients itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
PAGE = Path(__file__).parents[1] / "docs" / "guide" / "pytorch.md"


@pytest.fixture(scope="module")
def recipe():
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)
    return names["Conv2d"]


@pytest.mark.parametrize("border", ["constant", "symmetric"])
@pytest.mark.parametrize("biased", [True, False])
def test_torch_accepts_the_gradients(recipe, border, biased):
    how = {"stride": 2, "padding": 1, "groups": 2, "boundary": border}
    shapes = [(2, 4, 5, 6), (6, 2, 3, 3), (6,)]
    tensors = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    x, weight, bias = tensors[0], tensors[1], tensors[2] if biased else None
    assert torch.autograd.gradcheck(recipe.apply, (x, weight, bias, how))
    if border == "constant":
        wanted = torch.nn.functional.conv2d(x, weight, bias, 2, 1, 1, 2)
        torch.testing.assert_close(recipe.apply(x, weight, bias, how), wanted)
