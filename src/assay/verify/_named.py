"""Optimizers by name, as the command line gives them."""

import contextlib
import difflib
import functools
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import optax
import optax.contrib

from assay import _check, optim
from assay.optim import Transform
from assay.typing import ScalarOrSchedule
from assay.verify import _adapters


def named_transform(name: str, learning_rate: ScalarOrSchedule) -> Transform:
    """`adam` (ours), `optax:adam`, or `package.module:function`, at this rate.

    A function found in a module is called with the learning rate alone. A name that
    does not exist is answered with the nearest one.

    >>> tx = named_transform("optax:sgd", 0.5)
    >>> tx.update(1.0, tx.init(1.0))[0]
    -0.5
    """
    made = named(name)(learning_rate)
    if not (hasattr(made, "init") and hasattr(made, "update")):
        must = f"{name} must return an (init, update) pair"
        _check.fail("optimizer", must, type(made).__name__, kind=TypeError)
    return made


def named(name: str) -> Any:
    """`adam` (ours), `optax:adam`, `torch:Adam`, `keras:Adam` or `package.module:name`.

    A name that does not exist is answered with the nearest one.

    >>> named("optax:sgd").__name__
    'sgd'
    """
    place, colon, function = name.rpartition(":")
    if place == "torch":
        _function(name, _adapters._guest("torch", "torch_optimizer").optim, function)
        return functools.partial(_adapters.torch_optimizer, function)
    if place == "keras":
        _function(name, _adapters.keras_on_jax().optimizers, function)
        return functools.partial(_adapters.keras_optimizer, function)
    if place == "optax" and hasattr(optax.contrib, function):
        return getattr(optax.contrib, function)
    if not colon:
        return _function(name, optim, function)
    module = optax if place == "optax" else _module(name, place)
    return _function(name, module, function)


def _function(name: str, module: ModuleType, function: str) -> Any:
    found = getattr(module, function, None)
    if callable(found) or (hasattr(found, "init") and hasattr(found, "update")):
        return found
    near = difflib.get_close_matches(function, _candidates(module), n=1, cutoff=0.5)
    prefix = name.removesuffix(function)
    todo = f"Did you mean {prefix + near[0]!r}?" if near else ""
    _check.fail("optimizer", f"{module.__name__} must have it", repr(name), todo)


def _candidates(module: ModuleType) -> list[str]:
    """What could be meant: functions of a learning rate, or else whatever is made."""
    public = {n: f for n, f in vars(module).items() if not n.startswith("_")}
    rated = [n for n, f in public.items() if _first(f) == "learning_rate"]
    kinds = inspect.isfunction, inspect.isclass
    return rated or [n for n, f in public.items() if any(k(f) for k in kinds)]


def _first(function: Any) -> str:
    if not inspect.isfunction(function):
        return ""
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
