"""`fastconv.patch`: code that calls SciPy is served by fastconv, and all can be taken back."""

from __future__ import annotations

import functools
import importlib.util
import os
import pickle
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreter import last_line, printed, run, survives

import fastconv
import fastconv.ndimage
import fastconv.signal
from fastconv import patch, patched, unpatch
from fastconv.patch import switch
from fastconv.patch.calls import MAX_REASONS, Calls, Report, replacement

ndimage = pytest.importorskip("scipy.ndimage")
signal = pytest.importorskip("scipy.signal")

ORIGINAL = {
    (module, name): getattr(module, name)
    for module, ours in ((ndimage, fastconv.ndimage), (signal, fastconv.signal))
    for name in ours.__all__
    if hasattr(module, name)
}
SOBEL = [ndimage.sobel]  # in a list, where nothing is bound anew
IMAGE = np.arange(30.0).reshape(5, 6) ** 2


@pytest.fixture(autouse=True)
def as_it_was():
    """Every test leaves SciPy as it found it."""
    yield
    unpatch()
    assert all(getattr(module, name) is ORIGINAL[module, name] for module, name in ORIGINAL)


def program(monkeypatch, source, name="program"):
    """A loaded module with this source."""
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(source, module.__dict__)
    return module


# -- what is exchanged --------------------------------------------------------------------------


def test_every_function_is_exchanged_wherever_scipy_binds_it():
    assert {name for module, name in ORIGINAL if module is ndimage} >= {"correlate", "sobel"}
    assert {name for module, name in ORIGINAL if module is signal} >= {"fftconvolve", "upfirdn"}
    private = [module for name, module in sys.modules.items() if name.startswith("scipy.")]
    with patched():
        bound = {id(value) for module in private for value in vars(module).values()}
        assert not bound & {id(original) for original in ORIGINAL.values()}
        assert ndimage.sobel.__doc__ == SOBEL[0].__doc__
        assert ndimage._filters.sobel is ndimage.sobel
        assert signal._signaltools.fftconvolve is signal.fftconvolve


def test_names_that_modules_took_are_bound_anew(monkeypatch):
    before = program(
        monkeypatch,
        "from scipy.ndimage import gaussian_filter as blur, sobel, median_filter\n"
        "from scipy import signal\n"
        "def blurred(x): return blur(x, 1.0)\n",
        "before",
    )
    median = before.median_filter
    patch()
    during = program(monkeypatch, "from scipy.ndimage import gaussian_filter", "during")
    assert during.gaussian_filter is before.blur is ndimage.gaussian_filter
    assert before.blur is not ORIGINAL[ndimage, "gaussian_filter"]
    assert before.median_filter is median
    assert before.signal is signal
    before.blurred(IMAGE)
    assert patch.report().served["scipy.ndimage.gaussian_filter"] >= 1
    before.sobel = len  # by its owner, meanwhile
    unpatch()
    assert before.blur is during.gaussian_filter is ORIGINAL[ndimage, "gaussian_filter"]
    assert before.sobel is len


def test_what_was_kept_elsewhere_calls_scipy_after_unpatch():
    with patched():
        kept = functools.partial(ndimage.sobel, axis=0)
        kept(IMAGE)
    before = patch.report()
    np.testing.assert_array_equal(kept(IMAGE), ndimage.sobel(IMAGE, axis=0))
    assert patch.report() == before
    with patched():
        kept(IMAGE)
        assert patch.report().served == before.served


def test_modules_that_load_themselves_stay_unloaded(monkeypatch, tmp_path):
    (tmp_path / "lazy_one.py").write_text("raise AssertionError")
    spec = importlib.util.spec_from_file_location("lazy_one", tmp_path / "lazy_one.py")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lazy_one", module)
    monkeypatch.setitem(sys.modules, "no_module", object())
    spec.loader.exec_module(module)
    with patched():
        pass
    with pytest.raises(AssertionError):
        module.anything  # noqa: B018


# -- switching ----------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.lists(st.sampled_from(["patch", "unpatch", "enter", "leave"]), max_size=12))
def test_any_sequence(steps):
    asked, blocks = False, []
    with ExitStack() as rest:
        for step in steps:
            if step == "patch":
                patch()
                asked = True
            elif step == "unpatch":
                unpatch()
                asked = False
            elif step == "enter":
                blocks.append(patched())
                blocks[-1].__enter__()
            elif blocks:
                blocks.pop().__exit__(None, None, None)
            assert (ndimage.sobel is not SOBEL[0]) == (asked or bool(blocks))
        for block in blocks:
            rest.push(block)
    assert (ndimage.sobel is not SOBEL[0]) == asked
    unpatch()


def test_a_block_ends_with_an_exception():
    with pytest.raises(KeyError), patched():
        raise KeyError
    assert ndimage.sobel is SOBEL[0]


def test_the_functions_are_the_same_every_time():
    with patched():
        first = ndimage.sobel
    with patched():
        assert ndimage.sobel is first


def test_threads_switch_and_call():
    expected = ndimage.uniform_filter(IMAGE, 3)

    def work(number):
        for _ in range(10):
            with patched():
                np.testing.assert_allclose(ndimage.uniform_filter(IMAGE, 3), expected)
            if number == 0:
                patch()
                unpatch()

    with patched(), ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert patch.report().served["scipy.ndimage.uniform_filter"] == 60
    assert ndimage.uniform_filter is ORIGINAL[ndimage, "uniform_filter"]


def test_two_first_blocks_at_once(monkeypatch):
    """The second begins while the first makes the replacements."""
    make, inside, leave = switch.replacement, threading.Event(), threading.Event()

    def second():
        with patched():
            inside.set()
            leave.wait()

    other = threading.Thread(target=second)

    def slow(*args):
        if other.ident is None:
            other.start()
            inside.wait(0.1)  # in vain, if the second has to wait
        return make(*args)

    monkeypatch.setattr(switch, "replacement", slow)
    switch._pairs.cache_clear()
    with patched():
        leave.set()
        other.join()
        assert ndimage.sobel is not SOBEL[0]
    assert ndimage.sobel is SOBEL[0]


# -- calls --------------------------------------------------------------------------------------


CALLS = {
    "ndimage": [
        lambda m: m.correlate(IMAGE, np.arange(6.0).reshape(2, 3), mode="wrap"),
        lambda m: m.gaussian_filter(IMAGE, (1, 2), output=np.float32),
        lambda m: m.uniform_filter1d(IMAGE.astype("u2"), 3, axis=0),
        lambda m: m.sobel(IMAGE.astype("u1")),
        lambda m: m.gaussian_laplace(IMAGE.tolist(), 1.5),
    ],
    "signal": [
        lambda m: m.convolve2d(IMAGE.astype("u1"), np.ones((3, 3), int), "same", "symm"),
        lambda m: m.fftconvolve(IMAGE, IMAGE[::-1], "valid"),
        lambda m: m.correlate(IMAGE[0], [1, 2]),
    ],
}


@pytest.mark.parametrize(
    ("module", "call"), [(name, call) for name, calls in CALLS.items() for call in calls]
)
def test_results_are_scipys(module, call):
    expected = call(sys.modules[f"scipy.{module}"])
    with patched():
        found = call(sys.modules[f"scipy.{module}"])
        report = patch.report()
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
    assert report.served
    assert not report.given_back


class Foreign:
    """An array of another library."""

    def __array__(self, dtype=None, copy=None):
        return IMAGE.astype(dtype or float)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: ndimage.sobel(Foreign()), "arrays of type test_patch.Foreign"),
        (lambda: ndimage.sobel(np.ma.array(IMAGE)), "arrays of type numpy.ma.MaskedArray"),
    ],
)  # fmt: skip
def test_arrays_of_other_libraries_go_to_scipy(call, reason):
    expected = call()
    with patched():
        found = call()
        report = patch.report()
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)
    assert report.given_back == {("scipy.ndimage.sobel", reason): 1}
    assert f"       1  scipy.ndimage.sobel: {reason}" in str(report).splitlines()


@pytest.mark.parametrize(
    "call",
    [
        lambda: ndimage.gaussian_filter(IMAGE, "wide"),
        lambda: ndimage.correlate(IMAGE, [1.0]),
        lambda: ndimage.correlate1d(IMAGE, [1.0], mode="symm"),
        lambda: ndimage.sobel(IMAGE, axis=2),
        lambda: ndimage.sobel(),
        lambda: ndimage.uniform_filter(IMAGE, size=3, output=np.zeros(3)),
        lambda: signal.convolve2d(IMAGE, IMAGE, boundary="mirror"),
        lambda: signal.fftconvolve(IMAGE, IMAGE[0]),
    ],
)
def test_wrong_calls_raise_what_scipy_raises(call):
    def failure():
        try:
            call()
        except Exception as error:
            return type(error), str(error), type(error.__context__)
        return None

    expected = failure()
    assert expected is not None
    with patched():
        assert failure() == expected
        report = patch.report()
    assert not report.given_back


def test_what_a_drop_in_refuses_goes_to_scipy():
    calls = Calls()
    calls.active = True

    def drop_in(x, *, most=3):
        if x > most:
            raise ValueError(f"more than {most}")
        return "fastconv"

    def original(x, *, most=3):
        """SciPy's."""
        if x > 2 * most:
            raise TypeError("much too large")
        return "SciPy"

    call = replacement("f", original, drop_in, calls)
    assert [call(1), call(4), call(3, most=2), call(x=4)] == ["fastconv", *["SciPy"] * 3]
    with pytest.raises(TypeError, match="much too large"):
        call(7)
    report = calls.report()
    assert report.served == {"f": 1}
    assert report.given_back == {
        ("f", "ValueError: more than 3"): 2,
        ("f", "ValueError: more than 2"): 1,
    }
    assert (call.__doc__, call.__name__) == ("SciPy's.", "original")


def test_counting_begins_with_the_first_block_and_outlives_the_last():
    with patched():
        ndimage.sobel(IMAGE)
        with patched():
            ndimage.sobel(IMAGE)
    report = patch.report()
    assert report.served == {"scipy.ndimage.sobel": 2}
    assert str(report).splitlines()[:2] == [
        "fastconv served 2 calls",
        "       2  scipy.ndimage.sobel",
    ]
    with patched():
        assert not patch.report().served


def test_reasons_do_not_pile_up():
    calls = Calls()
    for number in range(MAX_REASONS + 5):
        calls.count_given_back("sobel", str(number))
    kept = calls.report().given_back
    assert len(kept) == MAX_REASONS + 1
    assert kept["sobel", "further reasons"] == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_does_not_inherit_the_lock():
    survives(call_in_a_fork)


def call_in_a_fork():
    from fastconv.patch import switch

    patch()
    with switch._calls.lock:
        child = os.fork()
        if not child:
            ndimage.sobel(IMAGE)
            unpatch()
            os._exit(ndimage.sobel is not SOBEL[0])
    assert os.waitpid(child, 0)[1] == 0


# -- names --------------------------------------------------------------------------------------


def test_patch_is_one_thing_by_every_spelling():
    import fastconv.patch
    import fastconv.patch as imported
    from fastconv.patch import patch as function

    assert imported is function is patch is fastconv.patch
    assert callable(imported.report)
    pickle.loads(pickle.dumps(patch))()  # as the initializer of a pool of processes
    assert ndimage.sobel is not SOBEL[0]


def test_without_scipy():
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "import fastconv; fastconv.unpatch(); print(fastconv.patch.report())\n"
        "fastconv.patch()"
    )
    assert re.match(
        r"ModuleNotFoundError: patch: SciPy cannot be imported \(.*\); "
        "install it with: pip install scipy",
        last_line(code),
    )


def test_other_arrays_pass_through_scipys_array_api():
    pytest.importorskip("dask.array")
    code = (
        "import fastconv, dask.array; fastconv.patch()\n"
        "from scipy import ndimage\n"
        "print(type(ndimage.gaussian_filter(dask.array.eye(3), 1)).__name__)\n"
        "print(type(ndimage.gaussian_filter(dask.array.eye(3).compute(), 1)).__name__)\n"
        "report = fastconv.patch.report()\n"
        "print(list(report.given_back)[0], report.served['scipy.ndimage.gaussian_filter'])\n"
    )
    assert printed(code, SCIPY_ARRAY_API=1).splitlines() == [
        "Array",
        "ndarray",
        "('scipy.ndimage.gaussian_filter', 'arrays of type dask.array.core.Array') 1",
    ]


# -- python -m fastconv.patch -------------------------------------------------------------------

SCRIPT = """
import sys
from helper import filtered
print(__name__, sys.argv[1:], filtered is sys.modules["scipy.ndimage"].sobel, filtered([1.0, 4.0]))
sys.exit(3)
"""


def command(*words, cwd):
    code = (
        "import os, runpy, sys\n"
        f"os.chdir({str(cwd)!r}); sys.argv = ['', *{list(map(str, words))!r}]\n"
        "runpy.run_module('fastconv.patch', run_name='__main__', alter_sys=True)"
    )
    return run(code)


@pytest.fixture
def script(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "helper.py").write_text("from scipy.ndimage import sobel as filtered")
    (tmp_path / "there" / "script.py").write_text(SCRIPT)
    return tmp_path / "there" / "script.py"


def test_a_script_runs_as_in_python(script, tmp_path):
    done = command("there/script.py", "--", "--report", "-m", "x y", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stdout == "__main__ ['--', '--report', '-m', 'x y'] True [3. 3.]\n"
    assert not done.stderr


def test_a_module_runs_as_in_python(script):
    done = command("--report", "-m", "script", "1", cwd=script.parent)
    assert done.returncode == 3, done.stderr
    assert done.stdout == "__main__ ['1'] True [3. 3.]\n"
    assert done.stderr.splitlines()[:2] == [
        "fastconv served 1 call",
        "       1  scipy.ndimage.sobel",
    ]


def test_a_script_that_is_not_there(tmp_path):
    done = command("nowhere.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith("python -m fastconv.patch: error: there is no script nowhere.py\n")


# -- the runner of other libraries' tests ---------------------------------------------------------


def test_the_runner_fails_without_served_calls_and_with_calls_given_back():
    from tests.conformance.patched import faults

    assert not faults(Report({"sobel": 1}, {}))
    assert faults(Report({}, {})) == ["fastconv served no call"]
    assert faults(Report({"sobel": 1}, {("laplace", "too large"): 2})) == [
        "laplace was given back: too large"
    ]
