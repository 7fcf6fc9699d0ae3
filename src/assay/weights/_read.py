"""One reader for every kind of file: the content says which it is."""

import zipfile

import numpy as np

from assay.weights import _files, _keras, _safetensors, _torch
from assay.weights._files import PathLike

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK"


def read(path: PathLike) -> dict[str, np.ndarray]:
    """{name: array} of a file of weights: safetensors, torch's or Keras's.

    The first bytes say of what kind the file is, and its suffix where they do not.

    >>> import tempfile
    >>> from assay import weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = folder + "/a.safetensors"
    ...     _ = weights.write_safetensors(path, {"w": np.arange(3.0)})
    ...     read(path)["w"].tolist()
    [0.0, 1.0, 2.0]
    """
    path = _files.found("read", path)
    with open(path, "rb") as file:
        head = file.read(10)
    if path.suffix in (".h5", ".hdf5", ".keras") or head.startswith(HDF5):
        return _keras.read_keras(path)
    if head.startswith(ZIP):
        return (_keras.read_keras if _is_keras(path) else _torch.read_torch)(path)
    # A pickle begins with 0x80; a safetensors header with its length and a brace.
    if path.suffix in (".safetensors", ".json") or head[8:9] == b"{":
        return _safetensors.read_safetensors(path)
    return _torch.read_torch(path)


def _is_keras(path: PathLike) -> bool:
    """Whether the archive has Keras's entry; a damaged one is torch's to refuse."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _keras.INSIDE in archive.namelist()
    except zipfile.BadZipFile:
        return False
