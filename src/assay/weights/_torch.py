"""torch's files without torch: the zip archive, and the stream before version 1.6."""

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from assay import _check
from assay.weights import _files, _unpickle
from assay.weights._files import PathLike
from assay.weights._unpickle import Refused, Storage, Tensor

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
KIND = "torch"
Read = Callable[[Storage], np.ndarray]


def read_torch(path: PathLike) -> dict[str, np.ndarray]:
    """{name: array} of the tensors in a .pt or .pth file, without torch.

    Names of nested dictionaries and lists are joined by dots; what is no tensor is
    left out; a tensor that is the whole file is called "". Views and shared storages
    stay so, and are read-only. Nothing in the file is executed: a pickle that asks
    for more than tensors and plain containers raises and says for what.

    >>> read_torch("no such file.pt")
    Traceback (most recent call last):
    FileNotFoundError: read_torch: 'no such file.pt' must be a file; got no such file...
    """
    path = _files.found("read_torch", path)
    try:
        return _archive(path) if zipfile.is_zipfile(path) else _stream(path)
    except Refused as refused:
        must = f"{os.fspath(path)!r} must hold only tensors and plain containers"
        got = f"a request for {refused}; nothing was run"
        todo = "Have its author save model.state_dict()."
        _check.fail("read_torch", must, got, todo)
    except Exception as error:  # a damaged pickle fails in any way whatever
        _files.broken("read_torch", path, KIND, error)


def _archive(path: Path) -> dict[str, np.ndarray]:
    """A zip file: NAME/data.pkl, and NAME/data/KEY for each storage."""
    with zipfile.ZipFile(path) as file:
        pickles = [n for n in file.namelist() if n.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError(f"{len(pickles)} entries called data.pkl in the archive")
        folder = pickles[0].removesuffix("data.pkl")
        if folder + "byteorder" in file.namelist():
            _little(file.read(folder + "byteorder") == b"little")
        tree = _unpickle.Unpickler(io.BytesIO(file.read(pickles[0]))).load()
        held: dict[str, bytes] = {}

        def read(storage: Storage) -> np.ndarray:
            if storage.key not in held:  # checks the sum of the bytes, too
                held[storage.key] = file.read(f"{folder}data/{storage.key}")
            return np.frombuffer(held[storage.key], np.uint8)

        return _arrays(tree, read)


def _stream(path: Path) -> dict[str, np.ndarray]:
    """Pickles of a magic number, the protocol, the machine and the tree; then bytes."""
    with open(path, "rb") as file:
        head = [_next(file) for _ in range(2)]
        if head != [MAGIC, PROTOCOL]:
            raise ValueError("neither a zip archive nor torch's magic number")
        _little(_next(file)["little_endian"])
        unpickler = _unpickle.Unpickler(file)
        tree = unpickler.load()
        held = {key: _block(file, unpickler.kinds[key]) for key in _next(file)}
    return _arrays(tree, lambda storage: held[storage.key])


def _next(file: Any) -> Any:
    return _unpickle.Unpickler(file).load()


def _block(file: Any, dtype: str) -> np.ndarray:
    """A count of numbers, then their bytes."""
    count = int.from_bytes(file.read(8), "little")
    size = count * _unpickle.dtype_of(dtype).itemsize
    raw = file.read(size)
    if len(raw) != size:
        raise EOFError(f"{len(raw)} bytes where a storage has {size}")
    return np.frombuffer(raw, np.uint8)


def _little(is_so: bool) -> None:
    if not is_so:
        raise NotImplementedError("a big-endian machine's: load and save it with torch")


def _arrays(tree: Any, read: Read) -> dict[str, np.ndarray]:
    """The named tensors; a name that two of them share is an error."""
    arrays: dict[str, np.ndarray] = {}
    for name, tensor in _tensors(tree):
        if name in arrays:
            raise ValueError(f"two tensors called {name!r}")
        arrays[name] = _array(tensor, read)
    return arrays


def _tensors(tree: Any) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor), in the order of the file."""
    waiting: list[tuple[tuple[str, ...], Any, tuple[int, ...]]] = [((), tree, ())]
    while waiting:
        path, node, above = waiting.pop()
        if isinstance(node, Tensor):
            yield ".".join(path), node
        elif isinstance(node, dict | list | tuple) and not isinstance(node, Storage):
            if id(node) in above:
                raise ValueError("a container that holds itself")
            pairs = node.items() if isinstance(node, dict) else enumerate(node)
            inner = [((*path, str(k)), v, (*above, id(node))) for k, v in pairs]
            waiting += reversed(inner)


def _array(tensor: Tensor, read: Read) -> np.ndarray:
    """The window on its storage, once more within what was really read."""
    dtype = _unpickle.dtype_of(tensor.dtype)
    storage = tensor.storage
    raw = read(storage)
    numbers = raw[: raw.size // dtype.itemsize * dtype.itemsize].view(dtype)
    numbers = numbers[storage.start :][tensor.offset :]
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, dtype)
    steps = zip(tensor.shape, tensor.strides, strict=True)
    reach = 1 + sum((n - 1) * s for n, s in steps)
    if reach > numbers.size:
        raise EOFError(f"{numbers.size} numbers where a tensor needs {reach}")
    strides = [s * dtype.itemsize for s in tensor.strides]
    return np.lib.stride_tricks.as_strided(
        numbers, tensor.shape, strides, writeable=False
    )
