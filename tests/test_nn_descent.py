"""Optimizers and schedules against PyTorch's, and states in files: complete, or refused."""

from __future__ import annotations

import os
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastconv as fc
from fastconv import nn

OPTIMIZERS = {
    "SGD": [
        {"lr": 0.1}, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    ],
    "Adam": [{}, {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.01, "weight_decay": 0.1}],
}  # fmt: skip


def parameters():
    return [nn.Parameter(oracle.samples(shape, "float64")) for shape in ((3, 4), (5,))]


def go(optimizer, ours, steps):
    for step in steps:
        for each in ours:
            each.grad = oracle.samples(each.value.shape, "float64", step)
        optimizer.step()


@pytest.mark.parametrize(
    ("name", "options"), [(name, options) for name in OPTIMIZERS for options in OPTIMIZERS[name]]
)
def test_torch_takes_the_same_steps(name, options):
    torch = pytest.importorskip("torch")
    ours = parameters()
    tensors = [torch.tensor(each.value, requires_grad=True) for each in ours]
    theirs = getattr(torch.optim, name)(tensors, **options)
    go(getattr(nn, name)(ours, **options), ours, range(5))
    for step in range(5):
        for tensor in tensors:
            tensor.grad = torch.tensor(oracle.samples(tuple(tensor.shape), "float64", step))
        theirs.step()
    for each, tensor in zip(ours, tensors, strict=True):
        assert_allclose(each.value, tensor.detach().numpy(), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "options"), [(name, options) for name in OPTIMIZERS for options in OPTIMIZERS[name]]
)
def test_optimizers_can_be_resumed(name, options, tmp_path):
    whole, parts = parameters(), parameters()
    go(getattr(nn, name)(whole, **options), whole, range(6))
    first = getattr(nn, name)(parts, **options)
    go(first, parts, range(3))
    nn.save_state(tmp_path / "state.npz", first.state_dict())
    second = getattr(nn, name)(parts, **{**options, "lr": 99})
    second.load_state_dict(nn.load_state(tmp_path / "state.npz"))
    assert second.lr == first.lr
    go(second, parts, range(3, 6))
    for one, other in zip(whole, parts, strict=True):
        assert_array_equal(one.value, other.value)


SCHEDULES = {
    "StepLR": (3, 0.5), "MultiStepLR": ([2, 5], 0.5), "ExponentialLR": (0.9,),
    "CosineAnnealingLR": (8, 0.01), "LambdaLR": (lambda epoch: 1 / (1 + epoch),),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_torch_has_the_same_rates(name):
    torch = pytest.importorskip("torch")
    ours = nn.SGD(parameters(), lr=0.2)
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
    schedule = getattr(nn, name)(ours, *SCHEDULES[name])
    wanted = getattr(torch.optim.lr_scheduler, name)(theirs, *SCHEDULES[name])
    for _ in range(8):
        assert_allclose(ours.lr, theirs.param_groups[0]["lr"], rtol=1e-12)
        schedule.step()
        theirs.step()
        wanted.step()
    again = getattr(nn, name)(nn.SGD([], lr=0.2), *SCHEDULES[name])
    again.epoch = 8
    again.apply()
    assert again.optimizer.lr == ours.lr


# -- bits ----------------------------------------------------------------------------------------


def trained(threads):
    """The state after some steps of a network with every kind of parameter."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, rng=rng), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, 2, 1, rng=rng), nn.ReLU(), nn.ConvTranspose2d(32, 8, 2, 2, rng=rng),
        nn.Dropout(0.1, rng=rng), nn.Flatten(), nn.Linear(8 * 14 * 14, 64, rng=rng), nn.ReLU(),
        nn.Linear(64, 10, rng=rng),
    )  # fmt: skip
    descent = nn.Adam(net.parameters)
    images = rng.standard_normal((64, 1, 28, 28), "float32")
    labels = rng.integers(0, 10, 64)
    fc.set_num_threads(threads)
    try:
        for _ in range(3):
            net.parameter_gradients(nn.grad.cross_entropy(net(images), labels))
            descent.step()
    finally:
        fc.set_num_threads(None)
    return net.state_dict()


def test_bits_do_not_depend_on_threads():
    one, four = trained(1), trained(4)
    for name, array in one.items():
        assert_array_equal(array, four[name])


def test_no_layer_calls_blas():
    """Its threads spin, and its bits may depend on their number."""
    sources = (Path(nn.__file__).parent).rglob("*.py")
    calls = re.compile(
        r"[\w)\]] @ |np\.(dot|matmul|tensordot|inner|vdot|linalg)\b|\.dot\(|optimize="
    )
    code = {path.name: re.sub(r'""".*?"""', "", path.read_text(), flags=re.S) for path in sources}
    assert len(code) > 20
    assert not [name for name, text in code.items() if calls.search(text)]
    assert calls.search("y = x @ w.T")


# -- files ----------------------------------------------------------------------------------------


STATE = {
    "0.weight": oracle.samples((2, 3), "float32"), "empty": np.zeros((0, 3)),
    "steps": np.array(7), "flags": np.array([True, False]), "f": np.asfortranarray(np.eye(3, 2)),
}  # fmt: skip


def written(path):
    nn.save_state(path, STATE)
    return path.read_bytes()


def assert_same(found, wanted):
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        assert_array_equal(found[name], array)
        assert found[name].flags.writeable


def test_files_come_back(tmp_path):
    path = tmp_path / "net.npz"
    written(path)
    assert_same(nn.load_state(path), STATE)
    assert_same(nn.load_state(str(path)), STATE)
    assert os.listdir(tmp_path) == ["net.npz"]
    assert path.stat().st_mode & 0o400
    assert_array_equal(np.load(path)["0.weight"], STATE["0.weight"])


def test_damage_is_seen(tmp_path):
    path, wrong = tmp_path / "net.npz", tmp_path / "wrong.npz"
    data = written(path)
    seen = 0
    for at in range(0, len(data), 7):
        wrong.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        try:
            found = nn.load_state(wrong)
        except ValueError:
            seen += 1
        else:
            assert_same(found, STATE)  # it was a date, or another number that nobody reads
    assert seen > len(data) // 7 // 2
    for length in range(0, len(data), 11):
        wrong.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"wrong\.npz: "):
            nn.load_state(wrong)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "foreign.npz"
    np.savez(path, weight=np.zeros(3))
    with pytest.raises(ValueError, match="not a state that save_state wrote"):
        nn.load_state(path)
    data = written(path)
    assert data.count(b"fastconv.state") == 2
    path.write_bytes(data.replace(b"fastconv.state", b"fastconv.stale"))
    with pytest.raises(ValueError, match="not a state"):
        nn.load_state(path)
    path.write_bytes(b"\x80\x04}q\x00.")
    with pytest.raises(ValueError, match="neither a state"):
        nn.load_state(path)
    with pytest.raises(TypeError, match="load_state: path"):
        nn.load_state(3)


def entry(archive, name, array):
    with archive.open(name, "w") as file:
        np.lib.format.write_array(file, array, allow_pickle=True)


@pytest.mark.parametrize(
    ("array", "words"), [(np.array([{}]), "no numbers"), (np.array(["a"]), "no numbers")]
)
def test_objects_are_refused(tmp_path, array, words):
    path = tmp_path / "objects.npz"
    with zipfile.ZipFile(path, "w") as archive:
        entry(archive, "fastconv.state.npy", np.array([1, 1]))
        entry(archive, "x.npy", array)
    with pytest.raises(ValueError, match=words):
        nn.load_state(path)
    with pytest.raises(TypeError, match=r"save_state: state\['x'\]"):
        nn.save_state(path, {"x": array})
    with pytest.raises(ValueError, match=words):  # the old file is still there
        nn.load_state(path)


def test_lengths_are_not_believed(tmp_path):
    path = tmp_path / "long.npz"
    with zipfile.ZipFile(path, "w") as archive:
        entry(archive, "fastconv.state.npy", np.array([1, 1]))
        with archive.open("x.npy", "w") as file:
            header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)}
            np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ValueError, match="0 bytes for shape"):
        nn.load_state(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    before = written(path)

    def failing(*args, **options):
        raise OSError("the disk is full")

    monkeypatch.setattr(np.lib.format, "write_array", failing)
    with pytest.raises(OSError, match="full"):
        nn.save_state(path, {"x": np.zeros(3)})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.npz"]


def tensors(header, data):
    text = header if isinstance(header, bytes) else str(header).replace("'", '"').encode()
    return struct.pack("<Q", len(text)) + text + data


A = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
B = {"dtype": "BF16", "shape": [1, 2], "data_offsets": [8, 12]}
NUMBERS = np.array([1.5, -2.0], "<f4").tobytes()
HALVES = np.array([0x3FC0, 0xC000], "<u2").tobytes()


def test_safetensors(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(tensors({"b": B, "__metadata__": {"format": "pt"}, "a": A}, NUMBERS + HALVES))
    wanted = np.array([1.5, -2.0], "float32")
    assert_same(nn.load_state(path), {"b": wanted[None], "a": wanted})
    torch = pytest.importorskip("safetensors.numpy")
    torch.save_file(STATE | {"f": np.eye(3)}, path)
    found = nn.load_state(path)
    assert_same(found, {name: (STATE | {"f": np.eye(3)})[name] for name in found})
    assert found.keys() == STATE.keys()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tensors({"a": A}, NUMBERS[:7]), "outside the file"),
        (tensors({"a": A}, NUMBERS + b"x"), "1 bytes belong to no tensor"),
        (tensors({"a": A, "b": A}, NUMBERS), "over another"),
        (tensors({"a": {**A, "shape": [3]}}, NUMBERS), "8 bytes do not make"),
        (tensors({"a": {**A, "shape": [-2]}}, NUMBERS), "damaged"),
        (tensors({"a": {**A, "shape": [1 << 70, 0]}}, NUMBERS), "damaged"),
        (tensors({"a": {**A, "shape": [0, 1 << 61, 1 << 61]}}, b""), "damaged"),
        (tensors(b'{"a": {"data_offsets": [1e999, 0]}}', b""), "damaged"),
        (tensors({"a": {**A, "shape": 2}}, NUMBERS), "damaged"),
        (tensors({"a": {**A, "dtype": "F8_E4M3"}}, NUMBERS), "F8_E4M3"),
        (tensors({"a": {**A, "dtype": ["F32"]}}, NUMBERS), "damaged"),
        (tensors({"a": 3}, NUMBERS), "damaged"),
        (tensors(b"[1]", b""), "neither"),
        (tensors(b"[" * 100_000, b""), "neither"),
        (tensors({"a": A}, NUMBERS)[:20], "truncated"),
        (struct.pack("<Q", 1 << 60), "truncated"),
    ],
)
def test_wrong_safetensors(tmp_path, data, words):
    path = tmp_path / "wrong"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=words) as caught:
        nn.load_state(path)
    assert len(str(caught.value)) < 300 + len(str(path))
