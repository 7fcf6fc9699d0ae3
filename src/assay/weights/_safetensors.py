"""safetensors: a header in JSON, then the bytes of every tensor, mapped into memory."""

import json
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.weights import _files
from assay.weights._files import PathLike

DTYPES = {
    **{f"F{b}": np.dtype(f"float{b}") for b in (16, 32, 64)},
    **{f"I{b}": np.dtype(f"int{b}") for b in (8, 16, 32, 64)},
    **{f"U{b}": np.dtype(f"uint{b}") for b in (8, 16, 32, 64)},
    "BOOL": np.dtype(bool),
    "C64": np.dtype(np.complex64),
    "BF16": np.dtype(jnp.bfloat16),
    "F8_E4M3": np.dtype(jnp.float8_e4m3fn),
    "F8_E5M2": np.dtype(jnp.float8_e5m2),
}
METADATA = "__metadata__"


def read_safetensors(path: PathLike) -> dict[str, np.ndarray]:
    """{name: array} of a .safetensors file, or of all files of its .index.json.

    The arrays are the file's own bytes, mapped read-only: nothing is read before it
    is used. bfloat16 and the two float8 are `jnp.bfloat16`, ...

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = folder + "/a.safetensors"
    ...     _ = write_safetensors(path, {"w": np.arange(3.0)})
    ...     read_safetensors(path)["w"].tolist()
    [0.0, 1.0, 2.0]
    """
    path = _files.found("read_safetensors", path)
    return _sharded(path) if path.suffix == ".json" else _read(path)


def read_metadata(path: PathLike) -> dict[str, str]:
    """The words that a .safetensors file carries beside its tensors.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = folder + "/a.safetensors"
    ...     _ = write_safetensors(path, {}, metadata={"format": "pt"})
    ...     read_metadata(path)
    {'format': 'pt'}
    """
    path = _files.found("read_metadata", path)
    return _header("read_metadata", path)[0].get(METADATA, {})


def write_safetensors(
    path: PathLike,
    tensors: Mapping[str, Any],
    *,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write {name: array} to `path`, whole or not at all; returns the path.

    `metadata` are words of your own: the names of a tree's paths go into `tensors`
    as `flatten` gives them.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_safetensors(folder + "/a.safetensors", {"w": np.ones(2)})
    ...     path.name
    'a.safetensors'
    """
    _package("write_safetensors")
    from safetensors.numpy import save_file

    known = set(DTYPES.values())
    # Not ascontiguousarray, which gives a scalar an axis.
    arrays = {n: np.asarray(a, order="C") for n, a in tensors.items()}
    for name, array in arrays.items():
        if array.dtype.newbyteorder("=") not in known:
            must = f"{name!r} must be of a dtype that safetensors knows"
            _check.fail("write_safetensors", must, array.dtype, kind=TypeError)
    words = dict(metadata) if metadata is not None else None
    return _files.replace(path, lambda name: save_file(arrays, name, metadata=words))


def _package(who: str) -> Any:
    try:
        import safetensors
    except ModuleNotFoundError:
        _check.extra(who, "safetensors", "weights")
    return safetensors


def _header(who: str, path: Path) -> tuple[dict[str, Any], int]:
    """(the header, where the bytes begin), once the package has found both valid."""
    package = _package(who)
    try:
        with package.safe_open(path, framework="numpy"):
            pass
    except package.SafetensorError as error:
        _files.broken(who, path, "safetensors", error)
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(size)), 8 + size


def _read(path: Path) -> dict[str, np.ndarray]:
    header, start = _header("read_safetensors", path)
    with open(path, "rb") as file:
        held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header.pop(METADATA, None)
    odd = sorted({f["dtype"] for f in header.values()} - DTYPES.keys())
    if odd:
        must = f"{os.fspath(path)!r} must hold dtypes that NumPy or JAX has"
        _check.fail("read_safetensors", must, ", ".join(odd))
    return {n: _array(facts, held, start) for n, facts in sorted(header.items())}


def _array(facts: dict[str, Any], held: Any, start: int) -> np.ndarray:
    dtype, shape = DTYPES[facts["dtype"]], facts["shape"]
    count, offset = int(np.prod(shape)), start + facts["data_offsets"][0]
    if not count:  # which may lie at the very end of the file
        return np.zeros(shape, dtype)
    return np.frombuffer(held, dtype, count, offset).reshape(shape)


def _sharded(path: Path) -> dict[str, np.ndarray]:
    """`weight_map` of the index says which file has which tensor."""
    who, kind = "read_safetensors", "safetensors index"
    try:
        places = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = sorted(set(places.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _files.broken(who, path, kind, f"no weight_map ({type(error).__name__})")
    # An index from elsewhere may not reach outside of its own folder.
    for name in files:
        if not isinstance(name, str) or Path(name).name != name:
            _files.broken(who, path, kind, f"a file named {name!r}")
    held = {n: _read(_files.found(who, path.parent / n)) for n in files}
    lost = sorted(name for name, file in places.items() if name not in held[file])
    if lost:
        must = f"every tensor of {os.fspath(path)!r} must be in the file it names"
        _check.fail(who, must, f"none called {', '.join(lost[:8])}")
    return {name: held[file][name] for name, file in sorted(places.items())}
