"""Check that the version, the changelog, the citation and the tag of a release agree.

    python tools/release.py            the three files
    python tools/release.py v0.1.0     and the tag

Prints each disagreement on a line, and exits with 1 if there is one. Needs only Python.
"""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path

HEADING = re.compile(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})")


def disagreements(root: Path, tag: str | None = None) -> list[str]:
    """Disagreements between the files under `root` and, if given, a tag.

    Between two releases, `__version__` is the next version, with or without ``.dev0``, and the
    citation names it as well.
    """

    def read(name: str) -> str:
        return (root / name).read_text(encoding="utf-8")

    def first(pattern: str, name: str) -> str | None:
        found = re.search(pattern, read(name), re.MULTILINE)
        return found and found[1]

    version = first(r'^__version__ = "(\d+\.\d+\.\d+(?:\.dev0)?)"$', "fastconv/__init__.py")
    if version is None:
        return ["fastconv/__init__.py: __version__ is not of the form 1.2.3 or 1.2.3.dev0"]
    number = version.removesuffix(".dev0")
    wrong = []

    unreleased, *headings = re.findall(r"^## (.*)$", read("CHANGELOG.md"), re.MULTILINE) or [""]
    if unreleased != "[Unreleased]":
        wrong.append(f"CHANGELOG.md: the first heading is {unreleased!r}, not '[Unreleased]'")
    wrong += [
        f"CHANGELOG.md: the heading {heading!r} is not of the form '[1.2.3] - 2026-01-31'"
        for heading in headings
        if not HEADING.fullmatch(heading)
    ]
    released = [match.groups() for match in map(HEADING.fullmatch, headings) if match]
    order = [numbers(release) for release, _ in released]
    if any(newer <= older for newer, older in pairwise(order)):
        wrong.append("CHANGELOG.md: the newest release does not come first")
    if order and order[0] > numbers(number):
        wrong.append(f"CHANGELOG.md: {released[0][0]} is newer than __version__, {version}")

    cited = first(r'^version: "?([^"\n]+)"?$', "CITATION.cff")
    if cited != number:
        wrong.append(f"CITATION.cff: version is {cited}, not {number}")

    if tag is not None:
        if tag != f"v{version}":
            wrong.append(f"the tag is {tag}, not v{version}")
        newest, date = released[0] if released else (None, None)
        if newest != version:
            wrong.append(f"CHANGELOG.md: the newest release is {newest}, not {version}")
        cited_date = first(r'^date-released: "?([^"\n]+)"?$', "CITATION.cff")
        if cited_date != date:
            wrong.append(f"CITATION.cff: date-released is {cited_date}, not {date}")
    return wrong


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, which compare in the right order."""
    return tuple(int(part) for part in version.split("."))


if __name__ == "__main__":
    found = disagreements(Path(__file__).parents[1], *sys.argv[1:2])
    print("\n".join(found) or "version, changelog, citation and tag agree")
    sys.exit(bool(found))
