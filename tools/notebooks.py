"""The examples of the gallery as notebooks.

python tools/notebooks.py          write docs/notebooks from docs/examples
python tools/notebooks.py --run    run them all, after checking that they are up to date
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sphinx_gallery.gen_gallery import DEFAULT_GALLERY_CONF
from sphinx_gallery.notebook import jupyter_notebook
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

DOCS = Path(__file__).parents[1] / "docs"
FOLDER = DOCS / "notebooks"
SETTINGS = {**DEFAULT_GALLERY_CONF, "first_notebook_cell": "%matplotlib inline"}
SECONDS = 120
"""That a cell may take."""


def notebooks() -> dict[Path, dict[str, Any]]:
    """The notebook of each example, by its file."""
    found = {}
    for example in sorted((DOCS / "examples").glob("*.py")):
        _, blocks = split_code_and_text_blocks(str(example))
        notebook = jupyter_notebook(blocks, SETTINGS, str(example.parent))
        notebook["metadata"]["language_info"] = {"name": "python"}  # and no version of today
        found[FOLDER / f"{example.stem}.ipynb"] = notebook
    return found


def text(notebook: dict[str, Any]) -> str:
    """A notebook as a file has it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def outdated() -> list[Path]:
    """The files that are not what the examples make of them."""
    wanted = {path: text(notebook) for path, notebook in notebooks().items()}
    there = {path: path.read_text("utf-8") for path in FOLDER.glob("*.ipynb")}
    return sorted(path for path in wanted.keys() | there if wanted.get(path) != there.get(path))


def run(path: Path) -> None:
    """Run all cells of a notebook; the first error ends it."""
    import nbformat
    from nbclient import NotebookClient

    NotebookClient(nbformat.read(path, as_version=4), timeout=SECONDS).execute()
    print(path.name, flush=True)


def main() -> int:
    """Write the notebooks, or run them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", action="store_true", help="run the notebooks that are there")
    if not parser.parse_args().run:
        FOLDER.mkdir(exist_ok=True)
        for path, notebook in notebooks().items():
            path.write_text(text(notebook), "utf-8")
        return 0
    if late := outdated():
        print("python tools/notebooks.py would change", *late, file=sys.stderr)
        return 1
    for path in sorted(FOLDER.glob("*.ipynb")):
        run(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
