"""Names in backticks in the documentation exist, and links lead somewhere.

Whatever looks like a name of this project is checked: files and folders, modules, attributes,
functions and their keywords, quoted options, environment variables, and commands.  Names of other
projects are listed in `FOREIGN`.  A name is known if the code contains it: comments and docstrings
do not count.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("fastconv", "benchmarks", "tools", "tests")
TEXTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/**/*.md")
OTHER_SOURCES = ("setup.py", "pyproject.toml", "CITATION.cff", ".ci/*", ".github/workflows/*.yml")
STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
PAGES = sorted(path for pattern in TEXTS for path in ROOT.glob(pattern))

FOREIGN_MODULES = {
    "np",
    "numpy",
    "scipy",
    "astropy",
    "skimage",
    "cv2",
    "torch",
    "queue",
    "concurrent",
    "numba",
}
FOREIGN = {
    *("NAME_backend", "rsp"),  # a placeholder, a register
    *("fork", "multiprocessing", "prange", "universal2", "OMP_NUM_THREADS"),
    *("col2im", "conv1d…3d", "delta"),
    *("SCIPY_ARRAY_API", "ddepth", "initializer", "preserve_range", "sigmaX", "sigmaY"),
    *("normalize_kernel", "preserve_nan", "min_periods"),  # astropy, pandas
    *("G", "local_mean", "local_std", "local_variance"),  # a formula, and names not given
}

pytestmark = pytest.mark.skipif(
    not (ROOT / "fastconv").is_dir(), reason="only an installed package, without its sources"
)


# -- what exists --------------------------------------------------------------------------------


@cache
def files() -> frozenset[str]:
    """Files and folders of the repository, relative to its root."""
    found = []
    for path in ROOT.rglob("*"):
        name = path.relative_to(ROOT)
        hidden = name.parts[0].startswith(".") and name.parts[0] not in (".ci", ".github")
        if not hidden and "__pycache__" not in name.parts and path.suffix not in (".c", ".so"):
            found.append(name.as_posix())
    return frozenset(found)


@cache
def names() -> frozenset[str]:
    """Identifiers in the code, and words in its strings."""
    found: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.name.startswith("test_"):
                continue  # tests speak of names that do not exist
            if path.suffix == ".py":
                found |= python_names(path.read_text(encoding="utf-8"))
            elif path.suffix in (".pyx", ".pxi", ".pyi", ".h"):
                found |= words(without_comments(path.read_text(encoding="utf-8")))
    for pattern in OTHER_SOURCES:
        for path in ROOT.glob(pattern):
            found |= words(path.read_text(encoding="utf-8"))
    return frozenset(found)


def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", text))


def python_names(source: str) -> set[str]:
    """Names, and words in strings that are no docstrings."""
    docstrings = {
        (node.value.lineno, node.value.col_offset)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found: set[str] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            found.add(token.string)
        elif token.type in STRINGS and token.start not in docstrings:
            found |= words(token.string)
    return found


def without_comments(source: str) -> str:
    """C or Cython without comments and docstrings; preprocessor directives stay."""
    source = re.sub(r'"""[\s\S]*?"""|/\*[\s\S]*?\*/|//.*', " ", source)
    return re.sub(r"#(?!\s*(?:define|undef|if|ifdef|ifndef|include|pragma)\b).*", " ", source)


@cache
def members() -> dict[str, set[str]]:
    """What modules, by their last name, and classes hold."""
    found: dict[str, set[str]] = defaultdict(set)
    bases: dict[str, set[str]] = defaultdict(set)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            module = path.parent if path.stem == "__init__" else path.with_suffix("")
            found[module.parent.name].add(module.name)
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found[module.name] |= defined(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    found[node.name] |= defined(node) | attributes(node)
                    bases[node.name] |= {b.id for b in node.bases if isinstance(b, ast.Name)}
    for _ in range(3):
        for name, parents in bases.items():
            found[name] |= {member for parent in parents for member in found.get(parent, ())}
    return dict(found)


def defined(tree: ast.Module | ast.ClassDef) -> set[str]:
    """Names that the body of a module or a class binds."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in node.names}
        else:
            found |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    return found


def attributes(tree: ast.ClassDef) -> set[str]:
    """Attributes of ``self`` that methods set."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }


# -- what is said -------------------------------------------------------------------------------


def spans(text: str) -> Iterator[str]:
    """What stands in backticks, outside of blocks of code."""
    text = re.sub(r"^```[\s\S]*?^```", "", text, flags=re.MULTILINE)
    for _, span in re.findall(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", text, re.DOTALL):
        yield " ".join(span.split())


def commands(text: str) -> Iterator[str]:
    """The lines of shell examples, without comments."""
    for block in re.findall(r"^ *```sh\n([\s\S]*?)^ *```", text, re.MULTILINE):
        for line in block.splitlines():
            yield re.sub(r" +#.*", "", line).strip()


def unknown_in_command(line: str) -> list[str]:
    """The variables, modules, paths, subcommands and options in a command that do not exist."""
    said = [
        *re.findall(r"\bFASTCONV_\w+", line),
        *re.findall(r"python -m ((?:benchmarks|fastconv|tools)[\w.]*)", line),
        *re.findall(r"(?:^| )((?:tools|tests|docs|\.ci)/[\w./]+)", line),
    ]
    ours = re.search(r"(?:^| )(?:fastconv ([a-z]+)|python (?:tools/|-m benchmarks)).*", line)
    if ours:
        said += [word for word in (ours[1], *re.findall(r"--[a-z-]+", ours[0])) if word]
    return [name for name in said if not is_known(name)]


def unknown(span: str) -> list[str]:
    """The names in a span that do not exist."""
    if re.match(r"(?:[A-Z_]+=\S+ )*(?:python|pytest|pip|git|fastconv) ", span):
        return unknown_in_command(span)
    if is_path(span):
        return [] if exists(span) else [span]
    quoted = re.fullmatch(r"\"([\w-]+)\"", span)
    if quoted:
        return [] if quoted[1] in names() else [span]
    found = re.fullmatch(r"(--[a-z-]+)(?: .*)?|([A-Za-z_][\w.…]*)(?:\(.*\)|=.*|\[.*\])?", span)
    if not found:
        return []  # a formula, or prose
    name = found[1] or found[2].rstrip(".")
    return [] if is_known(name) else [name]


def is_path(span: str) -> bool:
    """Whether a span names a file or a folder."""
    if re.search(r"[ ()$%~=…]|://", span):
        return False
    return "/" in span or bool(re.search(r"\w\.(py|pyx|pxi|h|md|yml|toml|cff|png)$", span))


def exists(path: str) -> bool:
    """Whether a path, or the end of one, is in the repository, or is made by its tools."""
    path = path.rstrip("/")
    if path.split("/")[-1] in ("fastconv-demo.png", "fastconv-bench.png", "results", "dist"):
        return True
    pattern = re.escape(path).replace(r"\*", "[^/]*")
    return any(re.search(rf"(^|/){pattern}$", file) for file in files())


def is_known(name: str) -> bool:
    """Whether a name, perhaps with dots, is one of this project or listed as foreign."""
    if "/" in name:
        return exists(name)
    first, *rest = name.split(".")
    if name in FOREIGN or first in FOREIGN_MODULES:
        return True
    if name.startswith("--"):
        return set(name[2:].split("-")) <= names()
    if not rest:
        return name in names() or exists(f"{name}.py") or name in ("fastconv", *PACKAGES)
    first = {"fc": "fastconv"}.get(first, first)
    for member in rest:
        owners = [first, "".join(part.capitalize() for part in first.split("_"))]
        if not any(member in members().get(owner, ()) for owner in owners):
            return False
        first = member
    return True


# -- tests --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_names_exist(page):
    text = page.read_text(encoding="utf-8")
    wrong = {name for span in spans(text) for name in unknown(span)}
    wrong |= {name for line in commands(text) for name in unknown_in_command(line)}
    hint = "correct them, or list them in FOREIGN if they belong to another project"
    assert not wrong, f"{page.name}: no such names: {', '.join(sorted(wrong))}; {hint}"


def test_every_foreign_name_is_used():
    said = {
        word for page in PAGES for span in spans(page.read_text("utf-8")) for word in split(span)
    }
    assert said >= FOREIGN


def split(span: str) -> list[str]:
    """Words with letters, digits, dashes and ellipses."""
    return re.findall(r"[\w…]+", span)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "span",
    [
        *(
            "correlat",
            "MAX_NOTHINGS",
            "fc.correlat",
            "fastconv.filtres",
            "fastconv.kernels.nothing",
        ),
        *(
            "Problem.nothing",
            "boundary.nothing",
            "rates.off(backend)",
            "plan.nothing",
            "nothings=1",
        ),
        *("tests/test_nothing.py", "plan/nothing.py", "nothing.h", "docs/nothing", '"nothings"'),
        *("FASTCONV_NOTHING=1", "--nothings", "fastconv nothings", "fastconv bench --nothings"),
        *("python -m benchmarks.nothing", "python tools/nothing.py", "pytest tests/test_none.py"),
        *("FASTCONV_NOTHING=1 pytest", "python tools/wheels.py --nothings"),
    ],
)
def test_a_wrong_name_is_found(span):
    (found,) = spans(f"Some text with `{span}` in it.\n\n```sh\nand `code` that is not read\n```\n")
    assert unknown(found)


@pytest.mark.parametrize(
    "span",
    [
        *(
            "correlate",
            "fc.correlate",
            "fastconv.filters",
            "fastconv.nn.grad",
            "np.nothing",
            "axes=",
        ),
        *("Problem.view_x", "boundary.runs", "rates.of(backend)", "correlate.h", "fastconv/lower"),
        *("problem/boundary.py", "tests/test_*.py", '"mirror"', "FASTCONV_ISA=v2", "--calibrate"),
        *("fastconv bench --reset", "python -m benchmarks.choices box", "k · k", "1 + 2", "`"),
    ],
)
def test_a_right_name_is_not(span):
    assert not unknown(span)


def test_commands_are_read_without_their_comments():
    text = "Try:\n\n```sh\nfastconv kernels  # lists\n  fastconv info\n```\n\n```python\nno\n```\n"
    assert [*commands(text)] == ["fastconv kernels", "fastconv info"]


def test_comments_and_docstrings_do_not_count():
    assert python_names(
        '"""doc"""\ndef f(a):\n    """more"""  # note\n    return "some text"\n'
    ) == {*("def", "f", "a", "return", "some", "text")}
    assert words(without_comments("int a; /* b */ // c\n#define d 1\n")) == {
        "int",
        "a",
        "define",
        "d",
    }
