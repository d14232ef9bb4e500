"""Who chooses the backend and the threads: argument, block, process, environment, in that order."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest
from conftest import BACKENDS

import fastconv as fc
from fastconv import backends

X, W = [1.0, 2.0, 3.0], [1.0, 2.0]


@pytest.fixture
def two(own_choice):
    """Two backends that this installation can run, and no choice between them from outside."""
    available = fc.available_backends()
    if len(available) < 2:
        pytest.skip("only one backend is available")
    return available[-1], available[-2]


def test_the_first_available_is_the_default(own_choice):
    assert fc.get_backend() == fc.available_backends()[0]
    assert list(fc.available_backends()) == [b for b in BACKENDS if b in fc.available_backends()]
    assert fc.available_backends()[-1] == "numpy"


def test_each_choice_wins_over_the_next(two, own_choice, ran):
    one, other = two
    own_choice.setenv("FASTCONV_BACKEND", one)
    assert fc.get_backend() == one
    fc.set_backend(other)
    assert fc.get_backend() == other
    with fc.use_backend(one):
        assert fc.get_backend() == one
        fc.correlate(X, W)
        ran.only(one, "direct")
        fc.correlate(X, W, backend=other)
        ran.only(other, "direct")
    fc.correlate(X, W)
    ran.only(other, "direct")
    fc.set_backend(None)
    fc.correlate(X, W)
    ran.only(one, "direct")


def test_a_plan_keeps_the_backend_it_was_made_with(two, ran):
    one, other = two
    with fc.use_backend(one):
        plan = fc.plan_correlate((3,), float, W)
    with fc.use_backend(other):
        plan(X)
    ran.only(one, "direct")


def test_blocks_nest_and_end_with_errors(two):
    one, other = two
    fc.set_backend(one)
    block = fc.use_backend(other)
    with block:
        with fc.use_backend(one), block:
            assert fc.get_backend() == other
        assert fc.get_backend() == other
        with pytest.raises(LookupError), fc.use_backend(one):
            raise LookupError
        assert fc.get_backend() == other
    assert fc.get_backend() == one


def test_a_block_is_for_its_own_thread(two):
    one, other = two
    fc.set_backend(one)
    seen = []
    with fc.use_backend(other):
        thread = threading.Thread(target=lambda: seen.append(fc.get_backend()))
        thread.start()
        thread.join()
        copied = contextvars.copy_context().run(fc.get_backend)
    if seen != [one]:  # free-threaded Python hands the context on to threads
        assert seen == [copied] == [other]


def test_threads_may_share_a_block(two):
    one, other = two
    fc.set_backend(one)
    block, seen = fc.use_backend(other), []
    inside, left = threading.Event(), threading.Event()

    def use():
        with block:
            inside.set()
            left.wait(60)
            seen.append(fc.get_backend())
        seen.append(fc.get_backend())

    thread = threading.Thread(target=contextvars.Context().run, args=(use,))
    with block:
        thread.start()
        assert inside.wait(60)
    assert fc.get_backend() == one
    left.set()
    thread.join()
    assert seen == [other, one]


def test_a_block_is_for_its_own_task(two):
    one, other = two

    async def task(backend, mine, others):
        with fc.use_backend(backend):
            mine.set()
            await others.wait()
            return fc.get_backend()

    async def both():
        first, second = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(task(one, first, second), task(other, second, first))

    assert asyncio.run(both()) == [one, other]


def test_a_wrong_choice_changes_nothing(two):
    fc.set_backend(two[0])
    with pytest.raises(ValueError, match="backend"):
        fc.set_backend("cuda")
    assert fc.get_backend() == two[0]
    with pytest.raises(ValueError, match="backend"):
        fc.use_backend("cuda")
    assert fc.get_backend() == two[0]


@pytest.mark.parametrize("missing", ["cython", "numba"])
def test_a_backend_by_name_never_steps_down(missing, own_choice):
    own_choice.setattr(
        backends, "unavailable", lambda name: "it is gone" if name == missing else None
    )
    calls = [
        lambda: fc.correlate(X, W, backend=missing),
        lambda: fc.set_backend(missing),
        lambda: fc.use_backend(missing),
        lambda: fc.warmup(missing),
        lambda: fc.plan_conv1d((1, 1, 3), float, [[W]], backend=missing),
    ]
    for call in calls:
        with pytest.raises(fc.BackendUnavailableError, match=f"{missing}.*it is gone"):
            call()
    assert missing not in fc.available_backends()
    assert fc.get_backend() == ("cython" if missing == "numba" else "numba")


def test_numba_is_asked_only_when_needed(own_choice):
    asked = []
    own_choice.setattr(backends, "unavailable", lambda name: asked.append(name))
    assert fc.get_backend() == "cython"
    fc.correlate(X, W, backend="numpy")
    assert "numba" not in asked


def test_threads(own_choice):
    own_choice.setenv("FASTCONV_NUM_THREADS", "5")
    assert fc.get_num_threads() == 5
    fc.set_num_threads(3)
    assert fc.get_num_threads() == 3
    with pytest.raises(ValueError, match="threads"):
        fc.set_num_threads(0)
    assert fc.get_num_threads() == 3
    fc.set_num_threads(None)
    assert fc.get_num_threads() == 5


def test_show_config(own_choice, capsys):
    fc.set_num_threads(3)
    fc.show_config()
    shown = capsys.readouterr().out
    assert shown.startswith(f"fastconv {fc.__version__}\n")
    for name in BACKENDS:
        reason = backends.unavailable(name)
        assert name in shown
        assert (reason or backends.load(name).describe()) in shown
    assert f"default  {fc.get_backend()}, 3 threads" in shown


@pytest.mark.parametrize(
    ("variable", "shown"),
    [
        ("FASTCONV_BACKEND", "default  no (FASTCONV_BACKEND: got 'v9'"),
        ("FASTCONV_NUM_THREADS", "no (FASTCONV_NUM_THREADS: got 'v9'"),
    ],
)
def test_show_config_shows_a_wrong_variable(variable, shown, own_choice, capsys):
    own_choice.setenv(variable, "v9")
    fc.show_config()
    default = capsys.readouterr().out.splitlines()[-1]
    assert default.startswith("default  ")
    assert shown in default
    assert default.endswith(" threads")


def test_show_config_shows_a_choice_that_is_missing(own_choice, capsys):
    own_choice.setattr(backends, "unavailable", lambda name: "it is gone")
    own_choice.setenv("FASTCONV_BACKEND", "numba")
    fc.show_config()
    default = capsys.readouterr().out.splitlines()[-1]
    assert "no (backend 'numba' is not available: it is gone), " in default


def test_warmup(backend, own_choice):
    assert fc.warmup(backend) is None
    with fc.use_backend(backend):
        fc.warmup()
