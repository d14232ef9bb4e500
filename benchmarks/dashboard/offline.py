"""Save the scripts and styles that asv's pages load from the web next to the pages."""

import base64
import hashlib
import re
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = "vendor"
PACKAGES = {
    "jquery-3.3.1.min.js": ("jquery@3.3.1", "dist/jquery.min.js"),
    "jquery.flot.min.js": ("flot@0.8.3", "jquery.flot.js"),
    "jquery.flot.time.min.js": ("flot@0.8.3", "jquery.flot.time.js"),
    "jquery.flot.selection.min.js": ("flot@0.8.3", "jquery.flot.selection.js"),
    "jquery.flot.categories.min.js": ("flot@0.8.3", "jquery.flot.categories.js"),
    "jquery.flot.orderBars.js": ("flot-orderbars@1.0.0", "js/jquery.flot.orderBars.js"),
    "stupidtable.min.js": ("stupid-table-plugin@1.1.3", "stupidtable.min.js"),
    "md5.min.js": ("blueimp-md5@2.19.0", "js/md5.min.js"),
    "bootstrap.min.js": ("bootstrap@3.1.1", "dist/js/bootstrap.min.js"),
    "bootstrap.min.css": ("bootstrap@3.1.1", "dist/css/bootstrap.min.css"),
}
"""The npm package and path of each file that asv's page loads, by the last part of its address.
npm has flot's files not minified and the table plugin in a later version; all others must match the
hashes in the page."""
OTHER = ("flot@0.8.3", "stupid-table-plugin@1.1.3")

_TAG = re.compile(
    r'<(?:script|link)\b[^>]*?\b(src|href)="(https://[^"]+)"[^>]*?integrity="([^"]+)"[^>]*>'
)
_REMOTE = re.compile(r'<(?:script|link|img)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"')


def make_offline(site: Path) -> None:
    """Rewrite asv's ``site/index.html``, and fetch the files with npm.

    Raises
    ------
    LookupError
        The page loads a file that is not in `PACKAGES`, because asv has changed.
    ValueError
        A file does not match the hash in the page.
    """
    page = site / "index.html"
    html = page.read_text("utf-8")
    (site / FOLDER).mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        html = _TAG.sub(lambda tag: _local(tag, site, Path(folder)), html)
    if left := _REMOTE.findall(html):
        raise LookupError(f"asv's page still loads from the web: {left}")
    page.write_text(html, "utf-8")


def _local(tag: re.Match[str], site: Path, folder: Path) -> str:
    """The tag for the local copy of its file."""
    attribute, address, integrity = tag.groups()
    name = address.rpartition("/")[2]
    if name not in PACKAGES:
        raise LookupError(f"asv's page loads {address}, which is not in {__name__}.PACKAGES")
    package, path = PACKAGES[name]
    content = _fetch(package, path, folder)
    kind, expected = integrity.split("-", 1)
    found = base64.b64encode(hashlib.new(kind, content).digest()).decode()
    if package not in OTHER and found != expected:
        raise ValueError(f"{path} of {package} is not {address}: {kind} {found}, not {expected}")
    (site / FOLDER / name).write_bytes(content)
    if attribute == "href":
        return f'<link rel="stylesheet" href="{FOLDER}/{name}">'
    return f'<script src="{FOLDER}/{name}" onerror="js_load_failure()">'


def _fetch(package: str, path: str, folder: Path) -> bytes:
    """A file of an npm package, which is fetched once into a folder."""
    archive = folder / f"{package.replace('@', '-')}.tgz"
    if not archive.exists():
        command = ["npm", "pack", "--silent", package]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(archive) as files:
        member = files.extractfile(f"package/{path}")
        if member is None:
            raise LookupError(f"{package} has no file {path}")
        return member.read()
