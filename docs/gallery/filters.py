"""Draw ``filters.png``: a photograph and what each filter of ``fastconv.filters`` makes of it.

python docs/gallery/filters.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from skimage import data

from fastconv import filters
from fastconv.cli import contact_sheet
from fastconv.cli.contact_sheet import Cell, Look, shown

WINDOW = (slice(10, 206), slice(118, 314))
ON_COLORS: dict[str, tuple[str, dict[str, Any]]] = {
    "gaussian": ("sigma=3", {"sigma": 3}),
    "box": ("size=9", {"size": 9}),
    "motion_blur": ("length=15, angle=30", {"length": 15, "angle": 30}),
    "sharpen": ("", {}),
    "unsharp_mask": ("radius=3, amount=1.5", {"radius": 3, "amount": 1.5}),
    "emboss": ("", {}),
    "invert": ("", {}),
    "sepia": ("", {}),
    "grayscale": ("", {}),
}
ON_GREY: dict[str, tuple[str, dict[str, Any], Look]] = {
    "sobel": ("", {}, "magnitude"),
    "sobel, axis=1": ("", {"axis": 1}, "positive part"),
    "prewitt": ("", {}, "magnitude"),
    "scharr": ("", {}, "magnitude"),
    "roberts": ("", {}, "magnitude"),
    "laplace": ("", {}, "magnitude"),
    "gaussian_laplace": ("sigma=2, ", {"sigma": 2}, "magnitude"),
    "difference_of_gaussians": ("low_sigma=2, ", {"low_sigma": 2}, "magnitude"),
    "edge_detect": ("", {}, "magnitude"),
    "edge_enhance": ("", {}, "positive part"),
}


def main() -> None:
    """Write the picture beside this file."""
    photo = data.astronaut()
    grey = filters.grayscale(photo).astype(np.float32)
    cells = [Cell("original", "astronaut Eileen Collins, NASA", photo[WINDOW])]
    for name, (note, arguments) in ON_COLORS.items():
        result = getattr(filters, name)(photo, channel_axis=-1, **arguments)
        cells.append(Cell(name, note, result[WINDOW]))
    for name, (note, arguments, look) in ON_GREY.items():
        result = getattr(filters, name.split(",")[0])(grey, **arguments)
        cells.append(Cell(name, note + look, shown(result[WINDOW], look)))
    page = contact_sheet.draw(
        "fastconv.filters", "uint8 in colour above, float32 in grey below", cells, columns=5
    )
    target = Path(__file__).with_suffix(".png")
    page.quantize(160, method=2).save(target, optimize=True)


if __name__ == "__main__":
    main()
