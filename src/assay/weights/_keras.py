"""Keras's files: HDF5, by itself or inside the zip archive of `model.save`."""

import contextlib
import io
import zipfile
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.weights import _files
from assay.weights._files import PathLike

INSIDE = "model.weights.h5"


def read_keras(path: PathLike) -> dict[str, np.ndarray]:
    """{name: array} of a .weights.h5, .h5 or .keras file, without Keras.

    Names are the paths inside the file: "layers/dense/vars/0" is the kernel and
    ".../1" the bias in Keras 3, "model_weights/dense/dense/kernel:0" in older files.

    >>> import h5py, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(folder + "/a.h5", "w") as file:
    ...         file["layers/dense/vars/0"] = np.arange(2.0)
    ...     read_keras(folder + "/a.h5")
    {'layers/dense/vars/0': array([0., 1.])}
    """
    who = "read_keras"
    path = _files.found(who, path)
    try:
        import h5py
    except ModuleNotFoundError:
        _check.extra(who, "h5py", "weights")
    try:
        with _opened(path) as source, h5py.File(source, "r") as file:
            found: dict[str, np.ndarray] = {}

            def visit(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiubcV":
                    found[name] = _numbers(item)

            file.visititems(visit)  # which follows no link to another file
            return found
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        _files.broken(who, path, "Keras", error)


@contextlib.contextmanager
def _opened(path: Any) -> Iterator[Any]:
    """What h5py is to open: the path, or the bytes of the archive's entry."""
    if not zipfile.is_zipfile(path):
        yield path
        return
    with zipfile.ZipFile(path) as archive:
        yield io.BytesIO(archive.read(INSIDE))


def _numbers(item: Any) -> np.ndarray:
    if item.external or item.is_virtual:
        raise ValueError(f"{item.name} lies in another file")
    array = np.asarray(item[()])
    if item.attrs.get("dtype") == "bfloat16":
        return array.view(jnp.bfloat16)
    return array
