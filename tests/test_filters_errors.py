"""Wrong calls of filters: each raises the right kind of error, which names the filter and the
argument, what came and what is allowed; and leaves `out` alone.
"""

# ruff: noqa: E501 (a table)
from __future__ import annotations

import re

import numpy as np
import pytest

from fastconv import filters

X = np.arange(20.0).reshape(4, 5)
RGB = np.zeros((4, 5, 3))
READ_ONLY = np.broadcast_to(np.float64(0), (4, 5))

# fmt: off
WRONG_CALLS = [
    # filter, positional arguments, keywords, exception, words of the message
    ("gaussian", ("abc", 1), {}, TypeError, "image", "<U3", "float16"),
    ("gaussian", (None, 1), {}, TypeError, "image", "object", "float16"),
    ("sobel", (np.ma.array(X),), {}, TypeError, "image", "masked"),
    ("local_moments", (X,), {}, ValueError, "size", "sigma=None"),
    ("gaussian", (1.0, 1), {}, ValueError, "image", "()", "at least one"),
    ("gaussian", (X[0], 1), {"channel_axis": 0}, ValueError, "image", "(5,)", "channel_axis=0"),
    ("gaussian", (1.0, 1), {"channel_axis": 0}, ValueError, "channel_axis", "0", "None"),
    ("gaussian", (X, -1), {}, ValueError, "sigma", "-1", "finite", "at least 0"),
    ("gaussian", (X, np.nan), {}, ValueError, "sigma", "nan", "finite"),
    ("gaussian", (X, np.inf), {}, ValueError, "sigma", "inf", "finite"),
    ("gaussian", (X, 10**400), {}, ValueError, "sigma", "finite"),
    ("gaussian", (X, "2"), {}, TypeError, "sigma", "'2'", "finite"),
    ("gaussian", (X, 1j), {}, TypeError, "sigma", "1j", "finite"),
    ("gaussian", (X, None), {}, TypeError, "sigma", "None", "finite"),
    ("gaussian", (X, (1, 2, 3)), {}, ValueError, "sigma", "(1, 2, 3)", "one number or 2"),
    ("gaussian", (X, (1, -2)), {}, ValueError, "sigma", "-2", "at least 0"),
    ("gaussian", (RGB, (1, 2, 0)), {"channel_axis": 2}, ValueError, "sigma", "(1, 2, 0)", "2"),
    ("gaussian", (X, 1), {"order": -1}, ValueError, "order", "-1", "at least 0"),
    ("gaussian", (X, 1), {"order": 0.5}, TypeError, "order", "0.5", "whole number"),
    ("gaussian", (X, 1), {"order": (1, 0, 0)}, ValueError, "order", "(1, 0, 0)", "2"),
    ("gaussian", (X, 1), {"truncate": -1}, ValueError, "truncate", "-1", "at least 0"),
    ("gaussian", (X, 1), {"truncate": np.nan}, ValueError, "truncate", "nan"),
    ("gaussian", (X, 1), {"radius": -1}, ValueError, "radius", "-1", "at least 0"),
    ("gaussian", (X, 1), {"radius": 1.5}, TypeError, "radius", "1.5", "whole number"),
    ("gaussian", (X, 1), {"boundary": "reflect"}, ValueError, "boundary", "symmetric", "mirror"),
    ("gaussian", (X, 1), {"boundary": "around"}, ValueError, "boundary", "'around'", "'wrap'"),
    ("gaussian", (X, 1), {"boundary": ("wrap",)}, ValueError, "boundary", "2"),
    ("gaussian", (X, 1), {"cval": "0"}, TypeError, "cval", "'0'", "number"),
    ("gaussian", (X, 1), {"cval": 1j}, TypeError, "cval", "1j", "real"),
    ("gaussian", (X, 1), {"channel_axis": 2}, ValueError, "channel_axis", "2", "-2 to 1"),
    ("gaussian", (X, 1), {"channel_axis": -3}, ValueError, "channel_axis", "-3", "-2 to 1"),
    ("gaussian", (X, 1), {"channel_axis": 0.0}, TypeError, "channel_axis", "0.0", "whole number"),
    ("gaussian", (X, 1), {"out": [0.0]}, TypeError, "out", "list", "array"),
    ("gaussian", (X, 1), {"out": np.zeros((5, 4))}, ValueError, "out", "(5, 4)", "(4, 5)"),
    ("gaussian", (X, 1), {"out": READ_ONLY}, ValueError, "out", "read-only"),
    ("gaussian", (X, 1), {"out": np.zeros((4, 5), bool)}, TypeError, "out", "bool"),
    ("gaussian", (X * 1j, 1), {"out": np.zeros((4, 5))}, TypeError, "out", "float64", "complex"),
    ("gaussian", (X, 1), {"algorithm": "magic"}, ValueError, "algorithm", "'magic'", "'separable'"),
    ("gaussian", (X, 1), {"backend": "cuda"}, ValueError, "backend", "'cuda'", "'numpy'"),
    ("gaussian", (X, 1), {"threads": 0}, ValueError, "threads", "0", "at least 1"),
    ("gaussian", (X, 1), {"border": "wrap"}, TypeError, "border"),
    ("box", (X, 0), {}, ValueError, "size", "0", "at least 1"),
    ("box", (X, (3, 0)), {}, ValueError, "size", "(3, 0)", "at least 1"),
    ("box", (X, 10**9), {}, ValueError, "size", "(4, 5)", "268435456"),
    ("gaussian", (X, 1e6), {}, ValueError, "sigma", "(8000001, 8000001)", "268435456"),
    ("box", (X, 3.0), {}, TypeError, "size", "3.0", "whole number"),
    ("box", (X, (3, 3, 3)), {}, ValueError, "size", "(3, 3, 3)", "2"),
    ("motion_blur", (X, 0), {}, ValueError, "length", "0", "at least 1"),
    ("motion_blur", (X, 2.5), {}, TypeError, "length", "2.5", "whole number"),
    ("motion_blur", (X, 3, np.nan), {}, ValueError, "angle", "nan", "finite"),
    ("motion_blur", (X, 3, "up"), {}, TypeError, "angle", "'up'", "finite"),
    ("motion_blur", (RGB, 3), {}, ValueError, "image", "(4, 5, 3)", "channel_axis"),
    ("sobel", (X,), {"axis": 2}, ValueError, "axis", "2", "-2 to 1"),
    ("sobel", (X,), {"axis": "x"}, TypeError, "axis", "'x'", "whole number"),
    ("sobel", (RGB,), {"axis": -1, "channel_axis": 2}, ValueError, "axis", "-1", "channel_axis"),
    ("sobel", (X * 1j,), {}, TypeError, "image", "complex128", "real", "axis"),
    ("prewitt", (X * 1j,), {}, TypeError, "image", "complex128", "real"),
    ("scharr", (X,), {"out": READ_ONLY}, ValueError, "out", "read-only"),
    ("scharr", (X.astype("u1"),), {"axis": 0, "boundary": "constant", "cval": 0.5}, ValueError, "cval", "0.5", "uint8"),
    ("roberts", (X * 1j,), {}, TypeError, "image", "complex128", "real"),
    ("roberts", (X[0],), {}, ValueError, "image", "(5,)", "2"),
    ("laplace", (1,), {}, ValueError, "image", "()"),
    ("gaussian_laplace", (X, -2.0), {}, ValueError, "sigma", "-2.0", "at least 0"),
    ("difference_of_gaussians", (X, -2), {}, ValueError, "low_sigma", "-2", "at least 0"),
    ("difference_of_gaussians", (X, 1, -2), {}, ValueError, "high_sigma", "-2", "at least 0"),
    ("difference_of_gaussians", (X, 1, (1, 2, 3)), {}, ValueError, "high_sigma", "(1, 2, 3)", "2"),
    ("unsharp_mask", (X, -1), {}, ValueError, "radius", "-1", "at least 0"),
    ("unsharp_mask", (X, 1, np.inf), {}, ValueError, "amount", "inf", "finite"),
    ("sharpen", (X, "2"), {}, TypeError, "amount", "'2'", "finite"),
    ("sharpen", (RGB,), {}, ValueError, "image", "(4, 5, 3)", "2 axes", "channel_axis"),
    ("sharpen", (X,), {"algorithm": "separable"}, ValueError, "algorithm", "separable", "factors"),
    ("emboss", (X[None],), {}, ValueError, "image", "(1, 4, 5)", "2"),
    ("edge_detect", (RGB,), {"channel_axis": None}, ValueError, "image", "(4, 5, 3)", "channel_axis"),
    ("edge_enhance", (np.zeros(3),), {}, ValueError, "image", "(3,)"),
    ("sepia", (X,), {}, ValueError, "image", "(4, 5)", "2 axes"),
    ("sepia", (RGB[..., :2],), {}, ValueError, "image", "2 channels", "RGB", "RGBA"),
    ("sepia", (RGB,), {"channel_axis": 1}, ValueError, "image", "5 channels", "RGB", "channel_axis=1"),
    ("sepia", (RGB,), {"channel_axis": None}, TypeError, "channel_axis", "None", "whole number"),
    ("sepia", (RGB,), {"out": np.zeros((4, 5))}, ValueError, "out", "(4, 5)", "(4, 5, 3)"),
    ("sepia", (RGB,), {"backend": "cuda"}, ValueError, "backend", "'cuda'"),
    ("grayscale", (X,), {}, ValueError, "image", "(4, 5)"),
    ("grayscale", (RGB,), {"out": np.zeros((4, 5, 3))}, ValueError, "out", "(4, 5, 3)", "(4, 5)"),
    ("grayscale", (RGB[..., :1],), {}, ValueError, "image", "1", "RGB"),
    ("invert", (X * 1j,), {}, TypeError, "image", "complex128", "real"),
    ("invert", (X,), {"channel_axis": 5}, ValueError, "channel_axis", "5", "-2 to 1"),
    ("invert", (X,), {"threads": 0}, ValueError, "threads", "0", "at least 1"),
]
# fmt: on


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "kind", "words"),
    [pytest.param(*row[:4], row[4:], id="-".join((row[0], *row[2]))) for row in WRONG_CALLS],
)
def test_wrong_calls_say_what_is_wrong(name, args, kwargs, kind, words):
    with pytest.raises(kind) as caught:
        getattr(filters, name)(*args, **kwargs)
    message = str(caught.value)
    missing = [word for word in words if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message)]
    assert not missing, f"{missing} not in {message!r}"
    assert len(message) < 300


def test_every_filter_is_in_the_table():
    assert {row[0] for row in WRONG_CALLS} == set(filters.__all__) - {"Moments"}


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("gaussian", (1,)), ("box", (3,)), ("motion_blur", (3,)), ("sobel", ()), ("roberts", ()),
        ("laplace", ()), ("gaussian_laplace", (1,)), ("difference_of_gaussians", (1,)),
        ("unsharp_mask", ()), ("sharpen", ()), ("emboss", ()),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "wrong",
    [{"boundary": "reflect"}, {"cval": 1j, "boundary": "constant"}, {"threads": 0},
     {"algorithm": "magic"}, {"backend": "cuda"}, {"channel_axis": 7}],
    ids=str,
)  # fmt: skip
def test_out_is_untouched_by_a_wrong_call(name, args, wrong):
    out = np.full((4, 5), 7.0)
    with pytest.raises((TypeError, ValueError), match=next(iter(wrong))) as caught:
        getattr(filters, name)(X, *args, out=out, **wrong)
    assert str(caught.value).startswith((f"{name}: ", "backend: "))
    assert np.all(out == 7)
