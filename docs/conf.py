"""How the documentation is built.

pip install -e '.[docs]' && sphinx-build -W docs build/site
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst

import fastconv

project = "fastconv"
author = "The fastconv developers"
copyright = "The fastconv developers"  # noqa: A001
version = release = fastconv.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["examples", "gallery/README.md"]
default_role = "autolink"
html_theme = "pydata_sphinx_theme"
html_title = "fastconv"
html_static_path = ["_static"]
html_css_files = ["fastconv.css"]
html_theme_options = {
    "logo": {"text": "fastconv"},
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "changelog": []}

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc sections say them
numpydoc_show_class_members = False
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True


def pictures(block: Any, variables: dict[str, Any], settings: dict[str, Any]) -> str:
    """The figure or the animation that a block of an example made, for sphinx-gallery."""
    names = variables["example_globals"]
    paths = []
    if (figure := names.pop("figure", None)) is not None:
        paths.append(next(variables["image_path_iterator"]))
        figure.savefig(paths[-1])
    if (animation := names.pop("animation", None)) is not None:
        paths.append(str(Path(next(variables["image_path_iterator"])).with_suffix(".gif")))
        animation.save(paths[-1])
    return str(figure_rst(paths, settings["src_dir"]))


sphinx_gallery_conf = {
    "image_scrapers": (pictures,),
    "ignore_repr_types": r"matplotlib\.figure|fastconv\.viz",
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "min_reported_time": 3600,
    "abort_on_example_error": True,
    "remove_config_comments": True,
}

# Pillow and matplotlib warn of each other's deprecations while examples run.
warnings.filterwarnings("ignore", category=DeprecationWarning)


def tidied(app: Any, page: str, source: list[str]) -> None:
    """Links that lead out of docs/ lead to pages here; doctest's blank lines are not shown."""
    text = source[0].replace("\n\n```\n", "\n```\n")
    source[0] = text.replace("](../CONTRIBUTING.md", "](contributing.md")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", tidied)
