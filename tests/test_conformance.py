"""The plugin that runs other projects' tests on fastconv: it sees what it is there to see."""

from __future__ import annotations

import sys
from collections import Counter
from types import ModuleType
from unittest.mock import Mock

import numpy as np
import pytest
from conformance import plugin
from conformance.table import SUITES

import fastconv as fc


@pytest.fixture
def library(monkeypatch):
    """A library whose module `public` has what `public.private` defines and uses."""
    public, private, ours = map(ModuleType, ("public", "public.private", "ours"))
    exec(
        "def double(x):\n    return 2 * x\n"
        "def triple(x):\n    return double(x) + x\n"
        "def half(x):\n    return x / 2\n",
        vars(private),
    )
    for name in ("double", "triple", "half"):
        setattr(public, name, getattr(private, name))
        setattr(ours, name, lambda x: x)
    for module in (public, private, ours):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return public, private, ours


def test_calls_are_served_and_counted(library):
    public, private, _ = library
    ledger = plugin.Ledger(["public.double", "public.triple"])
    plugin.replace(ledger, "public", "ours", ("double", "triple"))
    assert public.double(3) == 3
    assert private.triple(3) == 9  # the library itself calls its own functions
    assert ledger.counts["public.double", plugin.SERVED] == 1
    assert ledger.faults(whole=True) == ["public.triple was never called"]
    assert not ledger.faults(whole=False)


def test_a_silent_fall_back_is_a_fault(library):
    public, private, ours = library
    original = private.half
    ours.half = lambda x: private.half(x)
    ledger = plugin.Ledger(["public.half"])
    plugin.replace(ledger, "public", "ours", ("half",))
    assert public.half(4) == original(4) == 2
    assert ledger.faults(whole=True) == ["public.half was computed by the original"]


def test_errors_count_as_calls(library):
    public, _, ours = library
    ours.double = lambda x: np.linalg.inv(x)
    ledger = plugin.Ledger(["public.double"])
    plugin.replace(ledger, "public", "ours", ("double",))
    with pytest.raises(np.linalg.LinAlgError):
        public.double(3)
    assert ledger.counts["public.double", plugin.REFUSED] == 1
    assert not ledger.faults(whole=True)


def kept(names, module, *, everything=False):
    """How many tests of each class the row of `scipy.signal` keeps."""
    items = [Mock(module=Mock(__name__=module), cls=type(name, (), {})) for name in names]
    dropped = []
    config = Mock()
    config.getoption.return_value = ["signal", "ndimage"]
    config.option.all = everything
    config.hook.pytest_deselected = lambda items: dropped.extend(items)
    plugin.pytest_collection_modifyitems(config, items)
    assert len(items) + len(dropped) == len(names)
    return Counter(item.cls.__name__ for item in items)


def test_a_row_chooses_its_tests():
    """Those of its classes, and a sample of large ones; other rows keep all of theirs."""
    names = ["TestOAConvolve"] * 60 + ["TestConvolve"] * 3 + ["TestWiener"] * 2
    suite = "scipy.signal.tests.test_signaltools"
    assert kept(names, suite) == {"TestOAConvolve": 3, "TestConvolve": 3}
    assert kept(names, suite, everything=True) == {"TestOAConvolve": 60, "TestConvolve": 3}
    assert kept(names, "scipy.ndimage.tests.test_filters").total() == len(names)


@pytest.mark.parametrize("module", ["ndimage", "signal"])
def test_the_table_has_every_function_of_a_module(module):
    assert set(SUITES[module].names) == set(getattr(fc, module).__all__)
