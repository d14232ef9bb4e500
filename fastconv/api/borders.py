"""Names of borders in other libraries."""

from __future__ import annotations

from ..lower.arguments import one_of
from ..problem.boundary import LIBRARIES, TABLE

__all__ = ["translate_boundary"]


def translate_boundary(name: str, source: str, target: str) -> str:
    """Translate the name of a border from one library to another.

    The same name means different things in different libraries: `"reflect"` repeats the edge in
    `scipy.ndimage` and Dask, and does not repeat it in NumPy, PyTorch and ONNX.

    Parameters
    ----------
    name : str
        The name of the border in `source`; synonyms are accepted. OpenCV's constants are given as
        strings, such as ``"BORDER_REFLECT_101"``.
    source : str
        The library that uses this name: ``"fastconv"``, ``"numpy"`` (``numpy.pad``),
        ``"scipy.ndimage"`` (its filters), ``"scipy.signal"`` (``convolve2d``, ``correlate2d``),
        ``"opencv"``, ``"torch"`` (``torch.nn.functional.pad``, ``padding_mode``), ``"dask"``
        (``dask.array.overlap``), ``"astropy"`` (``astropy.convolution``), ``"onnx"`` (Pad) or
        ``"gimp"`` (the convolution matrix).
    target : str
        The library to translate to, one of the same names.

    Returns
    -------
    str
        The most usual name of the border in `target`.

    Raises
    ------
    TypeError
        If an argument is not a string.
    ValueError
        If a library is unknown, if `source` has no border of this name, or if `target` has no name
        for this border.

    Notes
    -----
    Not every function of a library accepts all of its names: ``cv2.filter2D`` refuses
    ``BORDER_WRAP``, which ``cv2.copyMakeBorder`` accepts. PyTorch and OpenCV limit the width of
    some borders. Dask's ``overlap`` takes the constant itself instead of a name.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.translate_boundary("reflect", "scipy.ndimage", "fastconv")
    'symmetric'
    >>> fc.translate_boundary("reflect", "torch", "scipy.ndimage")
    'mirror'
    >>> fc.translate_boundary("edge", "numpy", "opencv")
    'BORDER_REPLICATE'
    """
    libraries = ("fastconv", *LIBRARIES)
    one_of(source, "translate_boundary: source", libraries)
    one_of(target, "translate_boundary: target", libraries)
    borders = {each: border for border in TABLE for each in _names(border, source)}
    one_of(name, f"translate_boundary: name of a border in {source}", tuple(borders))
    found = _names(borders[name], target)
    if not found:
        raise ValueError(
            f"translate_boundary: target: {target} has no name for {name!r} of {source}, "
            f"which is {TABLE[borders[name]].picture}"
        )
    return found[0]


def _names(border: str, library: str) -> tuple[str, ...]:
    """The names of a border in a library, if it has this border."""
    return (border,) if library == "fastconv" else TABLE[border].names.get(library, ())
