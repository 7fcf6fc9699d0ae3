"""Which functions are public: found in the modules, never listed by hand."""

import importlib
import inspect
from collections.abc import Callable
from types import ModuleType

ROOMS = (
    "activations",
    "initializers",
    "losses",
    "metrics",
    "layers",
    "optim",
    "augment",
    "images",
    "costs",
    "sampling",
)


def mirrored_rooms() -> tuple[str, ...]:
    """The rooms whose every public function has an independent reference."""
    return ROOMS


def public_functions(module: ModuleType) -> dict[str, Callable]:
    """Every public callable that was written in `module` or in its private files."""
    return {
        name: value
        for name, value in sorted(vars(module).items())
        if not name.startswith("_")
        and callable(value)
        and not inspect.isclass(value)
        and getattr(value, "__module__", "").startswith(module.__name__)
    }


def discover(room: str) -> dict[str, Callable]:
    """The public functions of a room by name: ``discover("losses")``."""
    return public_functions(importlib.import_module(f"assay.{room}"))
