"""Each backend absent, wrong choices in the environment, forks and exits: in fresh interpreters."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np
import pytest
from conftest import require
from interpreter import last_line, printed, run

CALL = """
import fastconv as fc
print(fc.correlate([1, 2, 3], [1, 10, 100]).tolist())
"""
NUMBA_CALL = CALL.replace("100]", "100], backend='numba'")
ANSWER = "[210, 321, 32]"
NO_NUMBA = "import sys; sys.modules['numba'] = None"
NO_COMPILED_PART = "import sys; sys.modules['fastconv.backends.cython_backend._probe'] = None"
SHOWN = "import fastconv as fc; fc.show_config()"
AVAILABLE = "import fastconv as fc; print(*fc.available_backends())"
BY_NAME = "import fastconv as fc; fc.correlate([1], [1], backend={!r})"
ABSENT = {"numba": NO_NUMBA, "cython": NO_COMPILED_PART}
CURES = {"numba": "pip install 'fastconv[numba]'", "cython": "pip install --force-reinstall"}


@pytest.fixture(params=ABSENT)
def absent(request):
    """A backend that this interpreter does not have."""
    return request.param


def test_the_rest_works_without_a_backend(absent):
    assert printed(f"{ABSENT[absent]}\n{CALL}") == ANSWER


def test_an_absent_backend_is_not_listed(absent):
    listed = printed(f"{ABSENT[absent]}\n{AVAILABLE}").split()
    assert absent not in listed
    assert listed[-1] == "numpy"


@pytest.mark.parametrize(
    "ask",
    [
        "fc.correlate([1], [1], backend={!r})",
        "fc.plan_correlate((5,), float, [1.0], backend={!r})",
        "fc.set_backend({!r})",
        "fc.use_backend({!r})",
        "fc.warmup({!r})",
    ],
)
def test_asking_for_an_absent_backend_says_why_and_what_helps(absent, ask):
    line = last_line(f"{ABSENT[absent]}\nimport fastconv as fc\n{ask.format(absent)}")
    assert "BackendUnavailableError: " in line
    assert f"backend {absent!r} is not available" in line
    assert CURES[absent] in line


def test_the_environment_may_ask_for_an_absent_backend(absent):
    line = last_line(f"{ABSENT[absent]}\n{CALL}", FASTCONV_BACKEND=absent)
    assert f"backend {absent!r} is not available" in line
    assert CURES[absent] in line


def test_show_config_says_what_is_absent(absent):
    shown = printed(f"{ABSENT[absent]}\n{SHOWN}").splitlines()
    (line,) = (line for line in shown if line.strip().startswith(absent))
    assert "not available" in line
    assert CURES[absent] in line
    assert shown[-1].startswith("default")
    assert absent not in shown[-1]


def test_numpy_alone_is_enough():
    alone = f"{NO_NUMBA}\n{NO_COMPILED_PART}"
    assert printed(f"{alone}\n{AVAILABLE}") == "numpy"
    assert printed(f"{alone}\n{CALL}") == ANSWER


def test_a_numba_that_does_not_start_is_a_reason(tmp_path):
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 1.0 or less')")
    line = last_line(BY_NAME.format("numba"), PYTHONPATH=tmp_path)
    assert "BackendUnavailableError" in line
    assert "Numba needs NumPy 1.0 or less" in line
    assert printed(CALL, PYTHONPATH=tmp_path) == ANSWER


def test_numba_without_its_compiler():
    require("numba")
    assert printed(CALL, NUMBA_DISABLE_JIT=1) == ANSWER
    asked = run(NUMBA_CALL, NUMBA_DISABLE_JIT=1)
    if asked.returncode:
        line = asked.stderr.strip().splitlines()[-1]
        assert "BackendUnavailableError" in line
        assert "NUMBA_DISABLE_JIT" in line
    else:
        assert asked.stdout.strip() == ANSWER


def test_the_environment_chooses(backend):
    chosen = "import fastconv as fc; print(fc.get_backend(), fc.get_num_threads())"
    assert printed(chosen, FASTCONV_BACKEND=backend, FASTCONV_NUM_THREADS=5) == f"{backend} 5"
    assert printed(CALL, FASTCONV_BACKEND=backend, FASTCONV_NUM_THREADS=5) == ANSWER


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("FASTCONV_BACKEND", "cuda", "'cython', 'numba', 'numpy'"),
        ("FASTCONV_BACKEND", "NumPy", "'cython', 'numba', 'numpy'"),
        ("FASTCONV_NUM_THREADS", "0", "at least 1"),
        ("FASTCONV_NUM_THREADS", "-2", "at least 1"),
        ("FASTCONV_NUM_THREADS", "many", "whole number"),
        ("FASTCONV_NUM_THREADS", "1.5", "whole number"),
    ],
)
def test_a_wrong_environment_is_named_at_the_first_call(variable, value, allowed):
    assert printed("import fastconv", **{variable: value}) == ""
    line = last_line(CALL, **{variable: value})
    assert line.startswith(f"ValueError: {variable}: got ")
    assert value in line
    assert allowed in line


def test_an_argument_wins_over_a_wrong_environment():
    call = CALL.replace("100]", "100], backend='numpy', threads=1")
    assert printed(call, FASTCONV_BACKEND="cuda", FASTCONV_NUM_THREADS="many") == ANSWER


# -- instruction sets ---------------------------------------------------------------------------

SAVED = """
import sys
import numpy as np
import fastconv as fc
rng = np.random.default_rng(0)
results = {"isa": np.array(fc.backends.load("cython").describe())}
for dtype in ("float32", "float64"):
    for taps in ((3, 3), (5, 5), (1, 7), (4, 2)):
        x, w = rng.normal(size=(67, 71)).astype(dtype), rng.normal(size=taps).astype(dtype)
        results[f"{dtype} {taps}"] = fc.correlate(x, w, boundary="mirror", backend="cython")
x, w = rng.integers(-(2**40), 2**40, (67, 71)), rng.integers(-9, 9, (3, 4))
results["int64"] = fc.correlate(x, w, backend="cython")
np.savez(sys.argv[1], **results)
"""


def saved(path, **env):
    printed(SAVED.replace("sys.argv[1]", repr(str(path))), **env)
    with np.load(path) as results:
        return dict(results)


def test_every_instruction_set_gives_the_same_results(tmp_path):
    require("cython")
    from fastconv.backends.cython_backend import _probe

    runnable = [
        isa
        for isa in (*_probe.supported(), "baseline")
        if find_spec(f"fastconv.backends.cython_backend._kernels_{isa}")
    ]
    best = saved(tmp_path / "best.npz")
    assert runnable[0] in str(best.pop("isa"))
    seen = set()
    for isa in runnable:
        results = saved(tmp_path / f"{isa}.npz", FASTCONV_ISA=isa)
        seen.add(str(results.pop("isa")))
        for name, values in results.items():
            tolerance = 0 if name == "int64" else 200 * np.finfo(values.dtype).eps
            np.testing.assert_allclose(values, best[name], rtol=0, atol=tolerance, err_msg=isa)
    assert len(seen) == len(runnable)


def test_a_wrong_instruction_set_is_named():
    require("cython")
    line = last_line(BY_NAME.format("cython"), FASTCONV_ISA="v9")
    assert "FASTCONV_ISA" in line
    assert "'v9'" in line


@pytest.mark.parametrize("chosen", ["", "numpy"])
def test_show_config_shows_a_wrong_instruction_set(chosen):
    require("cython")
    shown = printed(SHOWN, FASTCONV_ISA="v9", FASTCONV_BACKEND=chosen).splitlines()
    (line,) = (line for line in shown if line.startswith("  cython"))
    assert "not available: FASTCONV_ISA: got 'v9', allowed" in line
    assert shown[-1].startswith("default  numpy, " if chosen else "default  no (FASTCONV_ISA: ")


# -- forks and exits ----------------------------------------------------------------------------

LARGE = """
import os, sys
import numpy as np
import fastconv as fc
x, w = np.arange(640_000.0).reshape(800, 800) % 17, np.arange(25.0).reshape(5, 5)
def call(threads):
    return fc.correlate(x, w, boundary="wrap", threads=threads)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("calls", [1, 3], ids=["of a plan", "of a recording"])
def test_a_forked_child_convolves(calls, backend):
    forked = f"""{LARGE}
import warnings
warnings.simplefilter("ignore")  # of Python 3.12: forks and threads do not mix in general
wanted = [call(2) for _ in range({calls})][-1]
for generation in range(2):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(call(3), wanted) else 1)
    assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(call(2), wanted)
print("done")
"""
    assert printed(forked, FASTCONV_BACKEND=backend) == "done"


@pytest.mark.parametrize("pool", ["used before", "not used before"])
def test_calls_while_the_interpreter_exits(pool, backend):
    before = "wanted = call(2)" if pool == "used before" else "wanted = call(1)"
    exiting = f"""{LARGE}
import atexit
{before}
atexit.register(lambda: print(np.array_equal(call(2), wanted)))
"""
    assert printed(exiting, FASTCONV_BACKEND=backend) == "True"


def test_a_failing_interpreter_is_noticed():
    with pytest.raises(AssertionError):
        printed("1 / 0")
    with pytest.raises(AssertionError):
        printed("import warnings; print('x', file=__import__('sys').stderr)")
    with pytest.raises(AssertionError):
        last_line("pass")
    assert last_line("1 / 0").startswith("ZeroDivisionError")


def test_the_environment_is_read_once():
    changed = (
        "import os, fastconv as fc\n"
        "fc.get_num_threads()\n"
        "os.environ['FASTCONV_NUM_THREADS'] = '7'\n"
        "print(fc.get_num_threads())"
    )
    assert printed(changed, FASTCONV_NUM_THREADS=5) == "5"


def test_nothing_leaks_into_an_interpreter(monkeypatch):
    monkeypatch.setenv("FASTCONV_BACKEND", "cuda")
    assert printed(CALL) == ANSWER
