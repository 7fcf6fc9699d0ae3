"""Optimizers by name, as the command line gives them."""

import contextlib
import difflib
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import optax

from assay import _check, optim
from assay.optim import Transform
from assay.typing import ScalarOrSchedule


def named_transform(name: str, learning_rate: ScalarOrSchedule) -> Transform:
    """`adam` (ours), `optax:adam`, or `package.module:function`, at this rate.

    A function found in a module is called with the learning rate alone. A name that
    does not exist is answered with the nearest one.

    >>> tx = named_transform("optax:sgd", 0.5)
    >>> tx.update(1.0, tx.init(1.0))[0]
    -0.5
    """
    place, colon, function = name.rpartition(":")
    if not colon:
        module = optim
    else:
        module = optax if place == "optax" else _module(name, place)
    made = _function(name, module, function)(learning_rate)
    if not (hasattr(made, "init") and hasattr(made, "update")):
        must = f"{name} must return an (init, update) pair"
        _check.fail("optimizer", must, type(made).__name__, kind=TypeError)
    return made


def _function(name: str, module: ModuleType, function: str) -> Any:
    found = getattr(module, function, None)
    if callable(found):
        return found
    near = difflib.get_close_matches(function, _candidates(module), n=1, cutoff=0.5)
    prefix = name.removesuffix(function)
    todo = f"Did you mean {prefix + near[0]!r}?" if near else ""
    _check.fail("optimizer", f"{module.__name__} must have it", repr(name), todo)


def _candidates(module: ModuleType) -> list[str]:
    """What could be meant: functions of a learning rate, or else every function."""
    functions = {n: f for n, f in vars(module).items() if inspect.isfunction(f)}
    rated = [n for n, f in functions.items() if _first(f) == "learning_rate"]
    return rated or list(functions)


def _first(function: Any) -> str:
    return next(iter(inspect.signature(function).parameters), "")


def _module(name: str, place: str) -> ModuleType:
    """The module, which may lie in the working directory."""
    try:
        with _working_directory():
            return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if not f"{place}.".startswith(f"{error.name}."):
            raise  # the module is there, and something that it needs is not
        near = difflib.get_close_matches(place, ["optax"], n=1)
        todo = f"Did you mean {near[0] + name.removeprefix(place)!r}?" if near else ""
        todo = todo or "Write package.module:function."
        must = f"there must be a module {place}"
        _check.fail("optimizer", must, repr(name), todo)


@contextlib.contextmanager
def _working_directory() -> Iterator[None]:
    """Let `import` look into the working directory, as `python -m` does."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
