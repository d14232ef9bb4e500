"""What a release is cut from agrees with itself: version, changelog, citation, lists of Pythons."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import fastconv as fc
from tools.release import disagreements

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

FILES = {
    "fastconv/__init__.py": '__version__ = "1.2.0"\n',
    "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-03-04\n\n### Added\n",
    "CITATION.cff": 'cff-version: 1.2.0\nversion: "1.2.0"\ndate-released: "2026-03-04"\n',
}


@pytest.fixture
def sources(tmp_path):
    """The three files, of a release that is ready."""
    (tmp_path / "fastconv").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def replace(root, name, old, new):
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new), encoding="utf-8")


def test_these_sources_agree(sources):
    # What runs may be an installed package: its version stands for its file's.
    for name in ("CHANGELOG.md", "CITATION.cff"):
        (sources / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    replace(sources, "fastconv/__init__.py", "1.2.0", fc.__version__)
    assert disagreements(sources) == []


def test_the_version_stands_in_one_place():
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "fastconv.__version__"}


def test_a_release_that_is_ready(sources):
    assert disagreements(sources) == []
    assert disagreements(sources, "v1.2.0") == []


def test_between_two_releases(sources):
    replace(sources, "fastconv/__init__.py", "1.2.0", "1.3.0.dev0")
    replace(sources, "CITATION.cff", 'version: "1.2.0"', 'version: "1.3.0"')
    assert disagreements(sources) == []
    assert disagreements(sources, "v1.3.0") == [
        "the tag is v1.3.0, not v1.3.0.dev0",
        "CHANGELOG.md: the newest release is 1.2.0, not 1.3.0.dev0",
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("fastconv/__init__.py", "1.2.0", "1.2", "__version__ is not of the form"),
        ("fastconv/__init__.py", "1.2.0", "1.2.0rc1", "not of the form"),
        ("CHANGELOG.md", "## [Unreleased]\n", "", "the first heading is '[1.2.0] - 2026-03-04'"),
        ("CHANGELOG.md", "## [1.2.0] - 2026", "## 1.2.0, 2026", "'1.2.0, 2026-03-04' is not of"),
        ("CHANGELOG.md", "### Added", "## [1.10.0] - 2026-01-01", "does not come first"),
        ("CHANGELOG.md", "[1.2.0]", "[1.3.0]", "1.3.0 is newer than __version__, 1.2.0"),
        ("CITATION.cff", 'version: "1.2.0"', 'version: "1.1.0"', "version is 1.1.0, not 1.2.0"),
    ],
)
def test_a_disagreement_is_named(sources, name, old, new, said):
    replace(sources, name, old, new)
    found = disagreements(sources)
    assert any(line.startswith(name) and said in line for line in found), found


@pytest.mark.parametrize(
    ("name", "old", "new", "tag", "said"),
    [
        ("CHANGELOG.md", "2026", "2026", "v1.2.1", "the tag is v1.2.1, not v1.2.0"),
        ("CHANGELOG.md", "[1.2.0]", "[1.1.0]", "v1.2.0", "the newest release is 1.1.0, not 1.2.0"),
        ("CHANGELOG.md", "## [1.2.0]", "### x", "v1.2.0", "the newest release is None, not 1.2.0"),
        ("CITATION.cff", "03-04", "03-05", "v1.2.0", "is 2026-03-05, not 2026-03-04"),
        ("CITATION.cff", "date-released", "x", "v1.2.0", "is None, not 2026-03-04"),
    ],
)
def test_a_tag_asks_for_more(sources, name, old, new, tag, said):
    replace(sources, name, old, new)
    assert disagreements(sources) == []
    assert [line for line in disagreements(sources, tag) if said in line]


def test_the_pythons_that_are_listed_are_the_pythons_that_are_built_for():
    project = PYPROJECT["project"]
    label = "Programming Language :: Python :: 3."
    listed = {
        int(line.removeprefix(label)) for line in project["classifiers"] if line.startswith(label)
    }
    built = {
        int(name.removeprefix("cp3").removesuffix("-*").removesuffix("t"))
        for name in PYPROJECT["tool"]["cibuildwheel"]["build"]
    }
    assert f">=3.{min(listed)}" == project["requires-python"]
    assert min(built) == min(listed)
    assert listed <= built
