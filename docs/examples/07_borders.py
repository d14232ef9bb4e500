"""
Borders
=======
What lies beyond the edges, for each border.  Each diagram shows eight samples, and which of them is
read in the place of the four on either side.
"""

# %%
import numpy as np
from matplotlib.figure import Figure

import fastconv as fc

samples = np.arange(8)
names = ("constant", "nearest", "symmetric", "mirror", "wrap")
shifted = [0, 0, 0, 0, 1, 0, 0, 0, 0]  # what the middle tap reads, four samples beyond both edges
figure = Figure(figsize=(8, 4.5), layout="constrained")
for ax, name in zip(figure.subplots(5, 1, sharex=True), names, strict=True):
    row = fc.correlate(samples, shifted, mode="full", boundary=name, cval=-1)
    ax.imshow(row[None], cmap="viridis", vmin=0, vmax=7, aspect="auto", extent=(-4.5, 11.5, 0, 1))
    for place, value in enumerate(row, -4):
        text = "cval" if value < 0 else str(value)
        ax.text(place, 0.5, text, ha="center", va="center", color="white" if value < 5 else "black")
    for edge in (-0.5, 7.5):
        ax.axvline(edge, color="white", linewidth=4)
    ax.set_yticks([])
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.tick_params(bottom=False, labelbottom=False)
figure

# %%
# Other libraries have other names for them, and some use one name for two borders.
for name in names:
    print(name, *(fc.translate_boundary(name, "fastconv", library)
                  for library in ("numpy", "scipy.ndimage", "opencv")), sep=", ")  # fmt: skip
