"""Border names mean in each library what the table says: each is run, and shows its borders."""

from __future__ import annotations

import re

import numpy as np
import pytest

import fastconv as fc
from fastconv.problem.boundary import LIBRARIES, OUTSIDE, TABLE, index_map

SAMPLES = np.arange(1, 5, dtype=np.float32)
BEYOND = 3
"""Samples shown on either side; some libraries allow fewer than the array has."""
CONSTANT = 0.0


def numpy(name):
    return np.pad(SAMPLES, BEYOND, mode=name)


def scipy_ndimage(name):
    ndimage = pytest.importorskip("scipy.ndimage")
    return shifted(lambda taps: ndimage.correlate1d(SAMPLES, taps, mode=name))


def scipy_signal(name):
    signal = pytest.importorskip("scipy.signal")
    return shifted(
        lambda taps: signal.correlate2d(SAMPLES[None], taps[None], "same", boundary=name)[0]
    )


def opencv(name):
    cv2 = pytest.importorskip("cv2")
    return cv2.copyMakeBorder(SAMPLES[None], 0, 0, BEYOND, BEYOND, getattr(cv2, name))[0]


def torch(name):
    torch = pytest.importorskip("torch")
    if name == "zeros":
        layer = torch.nn.Conv1d(1, 1, 1, padding=BEYOND, padding_mode=name, bias=False)
        torch.nn.init.ones_(layer.weight)
        return layer(torch.tensor(SAMPLES)[None]).detach()[0]
    return torch.nn.functional.pad(torch.tensor(SAMPLES)[None], (BEYOND, BEYOND), mode=name)[0]


def dask(name):
    array = pytest.importorskip("dask.array")
    overlap = pytest.importorskip("dask.array.overlap").overlap
    return overlap(array.from_array(SAMPLES, chunks=4), depth=BEYOND, boundary=name).compute()


def astropy(name):
    convolution = pytest.importorskip("astropy.convolution")
    return shifted(
        lambda taps: convolution.convolve(
            SAMPLES, taps[::-1], boundary=name, normalize_kernel=False, nan_treatment="fill"
        )
    )


def onnx(name):
    onnx = pytest.importorskip("onnx")
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    model = (
        '<ir_version: 9, opset_import: ["": 19]>'
        "borders (float[4] x, int64[2] pads) => (float[n] y)"
        f'{{ y = Pad <mode = "{name}"> (x, pads) }}'
    )
    run = evaluator(onnx.parser.parse_model(model)).run
    return run(None, {"x": SAMPLES, "pads": np.array([BEYOND, BEYOND])})[0]


def shifted(correlate):
    """What a filter reads beyond the edges, by kernels that copy one of their samples."""
    taps = np.eye(2 * BEYOND + 1, dtype=np.float32)
    return np.concatenate([correlate(taps[0])[:BEYOND], SAMPLES, correlate(taps[-1])[-BEYOND:]])


SHOWN = {
    "numpy": numpy,
    "scipy.ndimage": scipy_ndimage,
    "scipy.signal": scipy_signal,
    "opencv": opencv,
    "torch": torch,
    "dask": dask,
    "astropy": astropy,
    "onnx": onnx,
}


def picture(border):
    """The samples, and what lies beyond them: as the table's map has it."""
    index = index_map(border, -BEYOND, 4 + BEYOND, 4)
    return np.where(index == OUTSIDE, CONSTANT, SAMPLES[index])


@pytest.mark.parametrize(
    ("library", "name", "border"),
    [
        (library, name, border)
        for border, row in TABLE.items()
        for library, names in row.names.items()
        for name in names
        if library != "gimp"  # has no interface for this
    ],
)
def test_a_name_means_what_the_library_does(library, name, border):
    np.testing.assert_array_equal(SHOWN[library](name), picture(border))
    assert fc.translate_boundary(name, library, "fastconv") == border


def test_a_false_name_is_seen():
    assert not np.array_equal(numpy("reflect"), picture("symmetric"))
    assert not np.array_equal(shifted(lambda taps: SAMPLES), picture("mirror"))
    assert set(SHOWN) == set(LIBRARIES) - {"gimp"}
    assert {library for row in TABLE.values() for library in row.names} == set(LIBRARIES)


def test_translation_is_there_and_back():
    for border, row in TABLE.items():
        assert fc.translate_boundary(border, "fastconv", "fastconv") == border
        for source, names in row.names.items():
            for target, others in row.names.items():
                for name in names:
                    assert fc.translate_boundary(name, source, target) == others[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reflect", "fastconv", "numpy"), "translate_boundary: name of a border in fastconv: got"),
        (("mirror", "torch", "numpy"), "allowed is 'constant', 'zeros', 'replicate', 'reflect'"),
        (("mirror", "pandas", "numpy"), "translate_boundary: source: got 'pandas', allowed is"),
        (("mirror", "fastconv", "Numpy"), "translate_boundary: target: got 'Numpy', allowed is"),
        (
            ("symmetric", "numpy", "torch"),
            "translate_boundary: target: torch has no name for 'symmetric' of numpy, "
            "which is b a | a b c d | d c",
        ),
    ],
)
def test_what_cannot_be_translated(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fc.translate_boundary(*arguments)


def test_names_are_strings():
    with pytest.raises(TypeError, match="name of a border in opencv: got 4"):
        fc.translate_boundary(4, "opencv", "numpy")
