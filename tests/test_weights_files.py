"""Other people's files: what is read, what is refused, and in which words."""

import collections
import json
import os
import pickle
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from assay import weights

DTYPES = ("float64", "float32", "float16", "bfloat16", "float8_e4m3fn")
DTYPES += ("int64", "int32", "int16", "int8", "uint8", "bool")


def drawn(name, shape=(3, 5)):
    rng = np.random.default_rng(len(name))
    return (3 * rng.standard_normal(shape)).astype(jnp.dtype(name))


def same(got, expected):
    """Bit for bit, with dtype and shape."""
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    assert np.ascontiguousarray(got).tobytes() == expected.tobytes()


def refused(path, text):
    """The reader raises, names the file, and says `text`."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        weights.read(path)
    assert os.fspath(path) in str(caught.value)
    assert text in str(caught.value)


# safetensors --------------------------------------------------------------------


def test_safetensors_keep_every_dtype_bit_for_bit(tmp_path):
    """What is written is read, scalars, empty and transposed arrays too."""
    tensors = {name: drawn(name) for name in DTYPES}
    tensors |= {"scalar": np.float32(2.5), "empty": np.zeros((0, 4), np.int8)}
    tensors["turned"] = drawn("float32", (4, 7)).T
    tensors["ours"] = jnp.arange(3.0)
    path = weights.write_safetensors(
        tmp_path / "a.safetensors", tensors, metadata={"of": "a test"}
    )
    found = weights.read(path)
    assert set(found) == set(tensors)
    for name, array in tensors.items():
        same(found[name], np.asarray(array))
    assert weights.read_metadata(path) == {"of": "a test"}


def test_safetensors_are_the_packages_own(tmp_path):
    """The package reads what we write, and we what it writes."""
    from safetensors.numpy import load_file, save_file

    tensors = {"b": drawn("float32"), "a": drawn("int16", (2,))}
    path = weights.write_safetensors(tmp_path / "ours.safetensors", tensors)
    for name, array in load_file(path).items():
        same(array, tensors[name])
    save_file(tensors, tmp_path / "theirs")
    for name, array in weights.read(tmp_path / "theirs").items():
        same(array, tensors[name])


def test_safetensors_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """A write that fails leaves the old file, and nothing beside it."""
    path = weights.write_safetensors(tmp_path / "a.safetensors", {"w": np.ones(2)})
    with pytest.raises(TypeError, match="'w' must be of a dtype that safetensors know"):
        weights.write_safetensors(path, {"w": np.array(["text"])})

    def cut(tensors, name, metadata):
        with open(name, "wb") as file:
            file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr("safetensors.numpy.save_file", cut)
    with pytest.raises(OSError, match="no space"):
        weights.write_safetensors(path, {"w": np.zeros(2)})
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    assert weights.read(path)["w"].tolist() == [1.0, 1.0]


def test_sharded_safetensors_are_one_dictionary(tmp_path):
    """The index names the file of each tensor; it reaches into no other folder."""
    index = tmp_path / "model.safetensors.index.json"
    weights.write_safetensors(tmp_path / "1.safetensors", {"a": np.arange(2)})
    weights.write_safetensors(tmp_path / "2.safetensors", {"b": np.arange(3)})
    places = {"a": "1.safetensors", "b": "2.safetensors"}
    index.write_text(json.dumps({"weight_map": places}))
    assert {n: len(a) for n, a in weights.read(index).items()} == {"a": 2, "b": 3}
    index.write_text(json.dumps({"weight_map": {**places, "c": "2.safetensors"}}))
    refused(index, "none called c")
    index.write_text(json.dumps({"weight_map": {"a": "../1.safetensors"}}))
    refused(index, "a file named '../1.safetensors'")
    index.write_text("[]")
    refused(index, "no weight_map")


def test_damaged_safetensors_are_refused(tmp_path):
    """Cut short, with a wrong header, or of a dtype that nobody here has."""
    path = weights.write_safetensors(tmp_path / "a.safetensors", {"w": np.ones(9)})
    whole = path.read_bytes()
    for part in (whole[:-1], whole[:20], b"", b"x" * 40):
        path.write_bytes(part)
        refused(path, "must be a whole safetensors file")
    header = json.dumps({"w": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}})
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + b"\0")
    refused(path, "must hold dtypes that NumPy or JAX has; got F4")
    refused(tmp_path / "none", "no such file. Check the path.")
    refused(tmp_path, "got a folder")


# torch --------------------------------------------------------------------------


def torch_file(tmp_path, value, zipped=True):
    torch = pytest.importorskip("torch", reason="torch writes these files")
    path = tmp_path / "a.pt"
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


both = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])


@both
def test_torch_files_keep_every_dtype_bit_for_bit(tmp_path, zipped):
    """Also uint16, complex numbers, scalars and empty tensors."""
    torch = pytest.importorskip("torch", reason="torch writes these files")
    tensors = {
        n: torch.from_numpy(drawn("float32")).to(getattr(torch, n)) for n in DTYPES
    }
    tensors |= {"complex": torch.tensor([1 + 2j, 3j]), "scalar": torch.tensor(2.5)}
    tensors |= {"uint16": torch.tensor([1, 65535]).to(torch.uint16)}
    tensors |= {"empty": torch.zeros(0, 4, dtype=torch.int16)}
    found = weights.read(torch_file(tmp_path, tensors, zipped))
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        assert found[name].shape == tuple(tensor.shape)
        assert (
            found[name].tobytes() == tensor.view(torch.uint8).numpy().tobytes()
            if (tensor.ndim)
            else found[name] == tensor.numpy()
        )
    assert found["bfloat16"].dtype == jnp.bfloat16
    assert found["float8_e4m3fn"].dtype == jnp.float8_e4m3fn


@both
def test_torch_views_share_what_they_shared(tmp_path, zipped):
    """Transposed, strided, expanded and sliced tensors of one storage."""
    torch = pytest.importorskip("torch", reason="torch writes these files")
    base = torch.arange(24.0).reshape(4, 6)
    tensors = {"base": base, "turned": base.T, "every": base[1::2, ::3]}
    tensors |= {"row": base[2], "wide": base[:, :1].expand(4, 3)}
    tensors["layer"] = torch.nn.Parameter(base[3, 1:])
    found = weights.read(torch_file(tmp_path, tensors, zipped))
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor.detach().numpy())
        assert not found[name].flags.writeable
    assert np.shares_memory(found["base"], found["row"])


@both
def test_torch_checkpoints_are_flattened(tmp_path, zipped):
    """Modules' state and the optimizer's beside numbers and words."""
    torch = pytest.importorskip("torch", reason="torch writes these files")
    model = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 4), torch.nn.BatchNorm1d(3))
    adam = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 2, 5)).sum().backward()
    adam.step()
    saved = {"model": model.state_dict(), "optimizer": adam.state_dict(), "epoch": 3}
    saved |= {"size": torch.Size([2]), "where": torch.device("cpu"), "name": "a"}
    found = weights.read(torch_file(tmp_path, saved, zipped))
    state = {"model." + name: t for name, t in model.state_dict().items()}
    assert {n for n in found if n.startswith("model.")} == set(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
    assert found["optimizer.state.0.exp_avg"].shape == (3, 2, 4)
    assert list(weights.read(torch_file(tmp_path, torch.ones(2)))) == [""]


@both
def test_a_whole_module_is_refused_by_its_name(tmp_path, zipped):
    """torch.save(model) asks for classes; only the state is weights."""
    torch = pytest.importorskip("torch", reason="torch writes these files")
    path = torch_file(tmp_path, torch.nn.Linear(2, 3), zipped)
    refused(path, "got a request for torch.nn.modules.linear.Linear; nothing was run")


class Asks:
    """A pickle that would call `f(*args)` when it is loaded."""

    def __init__(self, f, *args):
        self.call = f, args

    def __reduce__(self):
        return self.call


def archive(path, pickled, **entries):
    """A zip file as torch writes it, around any pickle."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", pickled)
        for name, content in entries.items():
            file.writestr("a/" + name.replace("_", "/"), content)
    return path


@pytest.mark.parametrize("place", ["zip", "stream", "magic"])
@pytest.mark.parametrize(
    "f",
    [os.system, eval, getattr, collections.deque, np.dtype],
    ids=lambda f: f.__name__,
)
def test_a_pickle_that_calls_anything_is_refused(tmp_path, place, f):
    """It is named, and nothing of it has been done."""
    mark = tmp_path / "was run"
    evil = pickle.dumps({"w": Asks(f, f"touch '{mark}'")}, protocol=2)
    head = b"" if place == "magic" else pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    head += b"" if place == "magic" else pickle.dumps(1001, 2)
    head += pickle.dumps({"little_endian": True}, 2) if head else b""
    path = tmp_path / "a.pt"
    if place == "zip":
        archive(path, evil)
    else:
        path.write_bytes(head + evil)
    module = "__builtin__" if f.__module__ == "builtins" else f.__module__
    refused(path, f"got a request for {module}.{f.__name__}; nothing was run")
    assert not mark.exists()


def tensor_pickle(offset, shape, strides, size=4):
    """Opcodes by hand: {"w": _rebuild_tensor_v2(storage, offset, shape, strides)}."""
    held = f"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nL{size}L\ntQ".encode()
    counts = [
        b"(" + b"".join(f"L{n}L\n".encode() for n in ns) + b"t"
        for ns in (shape, strides)
    ]
    call = b"(" + held + f"L{offset}L\n".encode() + b"".join(counts) + b"I00\n}t"
    return b"(dS'w'\nctorch._utils\n_rebuild_tensor_v2\n" + call + b"Rs."


def test_a_tensor_lies_within_its_storage(tmp_path):
    """A window beyond it would show other memory; a smaller storage is cut short."""
    numbers = np.arange(4, dtype=np.float32).tobytes()
    path = archive(tmp_path / "a.pt", tensor_pickle(1, (2,), (2,)), data_0=numbers)
    assert weights.read(path)["w"].tolist() == [1.0, 3.0]
    for offset, shape, strides in (
        *((2, (2,), (2,)), (0, (5,), (1,)), (-1, (2,), (1,)), (0, (2,), (-1,))),
        *((0, (2, 2), (1,)), (0, (2**40,), (2**40,))),
    ):
        archive(path, tensor_pickle(offset, shape, strides), data_0=numbers)
        refused(path, "must be a whole torch file")
    archive(path, tensor_pickle(0, (2**30, 2**30), (2**30, 1), 2**62), data_0=numbers)
    refused(path, "must be a whole torch file; got 4 numbers where a tensor needs")
    archive(path, tensor_pickle(0, (4,), (1,)))
    refused(path, "no item named 'a/data/0'")


@both
def test_damaged_torch_files_never_do_anything_else(tmp_path, zipped):
    """Cut at any place or with any byte changed: whole arrays, or the one error."""
    tensors = {"a": {"w": np.arange(6.0)}}
    torch = pytest.importorskip("torch", reason="torch writes these files")
    tensors = {"w": torch.arange(6.0).reshape(2, 3).T, "more": [torch.ones(2)]}
    path = torch_file(tmp_path, tensors, zipped)
    whole = path.read_bytes()
    rng, broken = np.random.default_rng(0), 0
    parts = [whole[:n] for n in range(0, len(whole), len(whole) // 37)]
    for _ in range(200):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        parts.append(bytes(changed))
    for part in parts:
        path.write_bytes(part)
        try:
            found = weights.read_torch(path)
            assert all(isinstance(a, np.ndarray) for a in found.values())
        except ValueError as error:
            assert str(error).startswith(f"read_torch: '{path}' must ")
            broken += 1
    assert broken > 50


def test_odd_torch_trees_are_refused(tmp_path):
    """Two tensors of one name, a container in itself, and other things in a zip."""
    path = tmp_path / "a.pt"
    numbers = np.zeros(4, np.float32).tobytes()
    inner = tensor_pickle(0, (1,), (1,))[:-1]
    value = inner.removeprefix(b"(dS'w'\n").removesuffix(b"s")
    twice = b"(dS'a.w'\n" + value + b"sS'a'\n" + inner + b"s."
    archive(path, twice, data_0=numbers)
    refused(path, "two tensors called 'a.w'")
    archive(path, b"(lp0\ng0\na.")
    refused(path, "a container that holds itself")
    archive(path, b"(d.", byteorder="big")
    refused(path, "a big-endian machine's")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "words")
    refused(path, "0 entries called data.pkl")


# Keras --------------------------------------------------------------------------

keras_warns = pytest.mark.filterwarnings("ignore:__array__ implementation does")


@keras_warns
@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5", "a.keras", "odd"])
def test_keras_files_hold_their_variables(tmp_path, name, monkeypatch):
    """Every weight of a model under its path, in each of Keras's three kinds."""
    keras = keras_or_skip(monkeypatch)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="first")])
    path = tmp_path / name
    if name == "odd":
        model.save_weights(tmp_path / "b.weights.h5")
        (tmp_path / "b.weights.h5").rename(path)
    else:
        (model.save_weights if ".weights" in name else model.save)(path)
    found = weights.read(path)
    expected = [np.asarray(w) for w in model.get_weights()]
    where = {"a.h5": "model_weights/first/"}
    names = [n for n in found if n.startswith(where.get(name, "layers/"))]
    got = {found[n].shape: found[n] for n in names}
    assert len(got) == 2
    for array in expected:
        same(got[array.shape], array)


def keras_or_skip(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras", reason="Keras writes these files")


@keras_warns
def test_keras_bfloat16_is_bfloat16(tmp_path, monkeypatch):
    """HDF5 has no such kind: Keras writes two bytes and says so beside them."""
    keras = keras_or_skip(monkeypatch)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, dtype="bfloat16")]
    )
    model.save_weights(tmp_path / "a.weights.h5")
    found = weights.read(tmp_path / "a.weights.h5")
    assert {a.dtype for a in found.values()} == {jnp.dtype(jnp.bfloat16)}


def test_damaged_keras_files_are_refused(tmp_path):
    """Cut short, of another kind, or with numbers that lie in another file."""
    import h5py

    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["w"] = np.arange(100.0)
        file["word"] = "text"
        file["elsewhere"] = h5py.ExternalLink("b.h5", "w")
    assert list(weights.read(path)) == ["w"]
    whole = path.read_bytes()
    for part in (whole[: len(whole) // 2], b"words", b""):
        path.write_bytes(part)
        refused(path, "must be a whole Keras file")
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (4,), "u1", external=[("/etc/passwd", 0, 4)])
    refused(path, "/w lies in another file")
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as file:
        file.writestr("config.json", "{}")
    refused(tmp_path / "a.keras", "no item named 'model.weights.h5'")


@pytest.mark.parametrize("package", ["safetensors", "h5py"])
def test_a_missing_package_is_told_with_the_command(tmp_path, monkeypatch, package):
    """The extra is `weights`."""
    path = tmp_path / {"safetensors": "a.safetensors", "h5py": "a.h5"}[package]
    path.write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, package, None)
    told = rf"needs {package}, .* Run: python -m pip install 'assay\[weights\]'"
    with pytest.raises(ModuleNotFoundError, match=told):
        weights.read(path)


def test_what_is_nothing_known_is_refused(tmp_path):
    """By the reader of torch's files, which have no mark of their own."""
    path = tmp_path / "a.bin"
    with open(path, "w") as file:
        file.write("words of any kind")
    refused(path, "must be a whole torch file")
