"""A file that is there, a file that is written whole, and what is said otherwise."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from assay import _check

PathLike = str | os.PathLike


def found(who: str, path: PathLike) -> Path:
    """`path`, if it is a file."""
    path = Path(path)
    if not path.is_file():
        got = "a folder" if path.is_dir() else "no such file"
        must = f"{os.fspath(path)!r} must be a file"
        _check.fail(who, must, got, "Check the path.", kind=FileNotFoundError)
    return path


def broken(who: str, path: PathLike, kind: str, error: object) -> NoReturn:
    """The file is cut short, damaged, or of another kind."""
    must = f"{os.fspath(path)!r} must be a whole {kind} file"
    got = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    _check.fail(who, must, got, "Was it cut short, or is it of another kind?")


def replace(path: PathLike, write: Callable[[str], None]) -> Path:
    """`write` a temporary file beside `path`, then rename it.

    A reader, or a crash, meets the old file or the new one, never half of one.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _umask() -> int:
    """The permissions a new file would not get (mkstemp gives the owner's only)."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
