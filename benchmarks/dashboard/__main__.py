"""Measure chosen commits, and write a web site with the results.

    python -m benchmarks.dashboard --commits 12

asv builds each commit in an environment of its own and keeps its results in ``.asv/results``:
commits with results are not measured again.  The site has a front page and asv's own pages.  It
needs no network; asv's pages need a local web server.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from .history import commits, read
from .offline import make_offline
from .page import write

ASV = Path(".asv")


def measure(chosen: list[str], patterns: list[str]) -> int:
    """Run all benchmarks, or those that match, and return asv's exit status."""
    subprocess.run(["asv", "machine", "--yes"], check=True, stdout=subprocess.DEVNULL)
    with NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        file.write("\n".join(chosen))
    selected = [word for pattern in patterns for word in ("--bench", pattern)]
    how = ["--skip-existing", "--show-stderr", *selected]
    try:
        return subprocess.run(["asv", "run", *how, f"HASHFILE:{file.name}"]).returncode
    finally:
        Path(file.name).unlink()


def publish(site: Path, branch: str) -> None:
    """Write the site from all results so far."""
    subprocess.run(["asv", "publish"], check=True)
    shutil.rmtree(site / "asv", ignore_errors=True)
    shutil.copytree(ASV / "html", site / "asv")
    make_offline(site / "asv")
    write(site, read(ASV / "results", branch))


def main() -> int:
    """Measure, publish, and return asv's exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard")
    parser.add_argument("--branch", default="main", help="default: %(default)s")
    parser.add_argument(
        "--since", metavar="COMMIT", help="no older commits; default: the first with a package"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--commits",
        type=int,
        default=12,
        metavar="N",
        help="at even distances; default: %(default)s",
    )
    which.add_argument("--tags", action="store_true", help="the tagged commits")
    which.add_argument("--publish", action="store_true", help="measure nothing more")
    parser.add_argument(
        "--bench", action="append", default=[], metavar="REGEX", help="only these, as in asv run"
    )
    parser.add_argument("--site", type=Path, default=ASV / "site", help="default: %(default)s")
    arguments = parser.parse_args()

    status = 0
    if not arguments.publish:
        chosen = commits(arguments.branch, arguments.commits, arguments.tags, arguments.since)
        status = measure(chosen, arguments.bench)
    publish(arguments.site, arguments.branch)
    print(f"open {arguments.site / 'index.html'}; asv's pages need a web server:")
    print(f"python -m http.server --directory {arguments.site}")
    return status


if __name__ == "__main__":
    sys.exit(main())
