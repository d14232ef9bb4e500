"""
Sharpen, blur, emboss, edges, sepia
===================================
What image editors do with a photograph, each by one kernel over the pixels or one matrix over the
colours.
"""

# %%
from skimage import data

from fastconv import filters, viz

photo = data.astronaut()[:240, 96:336]
figure = viz.before_after(photo, filters.sharpen(photo, channel_axis=2), titles=("", "sharpen"))
figure

# %%
blurred = filters.gaussian(photo, 3, channel_axis=2)
figure = viz.before_after(photo, blurred, titles=("", "gaussian, sigma=3"))
figure

# %%
figure = viz.before_after(photo, filters.emboss(photo, channel_axis=2), titles=("", "emboss"))
figure

# %%
grey = filters.grayscale(photo)
figure = viz.before_after(grey, abs(filters.edge_detect(grey)), titles=("", "edge_detect"))
figure

# %%
enhanced = filters.edge_enhance(grey).clip(0)
figure = viz.before_after(grey, enhanced, titles=("", "edge_enhance"))
figure

# %%
figure = viz.before_after(photo, filters.sepia(photo), titles=("", "sepia"))
figure

# %%
figure = viz.before_after(photo, filters.invert(photo, channel_axis=2), titles=("", "invert"))
figure
