"""Parameters on disk: one .npz keyed by tree path, whole or not there at all."""

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.typing import PyTree


def save_params(path: str | os.PathLike, tree: PyTree) -> Path:
    """One array per tree path ("conv/kernel") in an uncompressed .npz at `path`.

    Written to a temporary file beside it and renamed, so that a reader, or a crash,
    meets the old file or the new one, never half of one. Returns the path.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_params(folder + "/p.npz", {"out": {"bias": jnp.arange(2.0)}})
    ...     load_params(path, {"out": {"bias": jnp.zeros(2)}})["out"]["bias"].tolist()
    [0.0, 1.0]
    """
    arrays = _named(tree, "save_params")
    arrays = {name: np.asarray(a) for name, a in arrays.items()}
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


def load_params(path: str | os.PathLike, like: PyTree) -> PyTree:
    """The tree saved at `path`, in the structure, shapes and dtypes of `like`.

    `like` may hold arrays or `jax.ShapeDtypeStruct`. Raises if a name is missing or
    left over, or a shape or dtype differs.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_params(folder + "/p.npz", {"w": jnp.ones(3)})
    ...     like = {"w": jax.ShapeDtypeStruct((3,), jnp.float32)}
    ...     load_params(path, like)["w"].tolist()
    [1.0, 1.0, 1.0]
    """
    wanted = _named(like, "load_params")
    try:
        # Opened here: np.load leaves the file open when it is no zip archive.
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, ValueError, EOFError, TypeError):
        must = "the file must be a .npz of arrays, as save_params writes it"
        _check.fail("load_params", must, f"{os.fspath(path)!r}")
    odd = sorted(found.keys() ^ wanted.keys())
    if odd:
        must = "the file must hold the arrays of `like`, no more and no fewer"
        got = f"a difference at {', '.join(odd)}"
        _check.fail("load_params", must, got, "Is it the same model?")
    leaves = [_read(name, found[name], leaf) for name, leaf in wanted.items()]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _named(tree: PyTree, who: str) -> dict[str, Any]:
    """Leaves by path, in the order of the tree."""
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    named = {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in flat
    }
    if len(named) != len(flat):
        _check.fail(who, "every leaf must have a path of its own", sorted(named))
    return named


def _read(name: str, array: np.ndarray, leaf: Any) -> jax.Array:
    dtype = np.dtype(leaf.dtype)
    if array.dtype.kind == "V" and array.dtype.itemsize == dtype.itemsize:
        array = array.view(dtype)  # NumPy stores bfloat16 as two nameless bytes
    if (array.shape, array.dtype) != (tuple(leaf.shape), dtype):
        must = f"{name} must be {dtype}{list(leaf.shape)}"
        _check.fail("load_params", must, f"{array.dtype}{list(array.shape)}")
    return jnp.asarray(array)


def _umask() -> int:
    """The permissions a new file would not get (mkstemp gives the owner's only)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
