"""Make `demo.png` of the sheet that ``fastconv demo -o docs/gallery`` has written beside it."""

from pathlib import Path

from PIL import Image

folder = Path(__file__).parent
sheet = folder / "fastconv-demo.png"
with Image.open(sheet) as page:
    small = page.quantize(256, method=Image.Quantize.FASTOCTREE)
small.save(folder / "demo.png", optimize=True)
sheet.unlink()
