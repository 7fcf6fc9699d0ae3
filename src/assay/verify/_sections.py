"""What the oracles speak of, by their keys: our function, and the peers'.

A key is an activation's name, "gelu_exact", or "losses.NAME(y)": that loss of x and an
array of y, 0 where none is given.
"""

import functools
import importlib
import re
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from assay.verify import _adapters, _bounds
from assay.verify._accuracy import Orders, differentiated
from assay.verify._discover import discover
from assay.verify.oracles import ORACLES

# Keras imports torch: two threads that meet in there end in a crash at exit.
IMPORTING = threading.Lock()
LIBRARIES = ("jax", "optax", "torch", "keras")
HOMES = {
    "jax": "jax.nn",
    "optax": "optax.losses",
    "torch": "torch.nn.functional",
    "keras": "keras.activations",
}
# A peer's other name or place for it, or its own default put right.
NAMES: dict[str, dict[str, str]] = {
    "exponential": {"jax": "jax.numpy:exp", "torch": "torch:exp"},
    "hard_shrink": {"torch": "hardshrink"},
    "hard_sigmoid": {"torch": "hardsigmoid"},
    "hard_silu": {"torch": "hardswish"},
    "hard_swish": {"torch": "hardswish"},
    "hard_tanh": {"torch": "hardtanh"},
    "linear": {"torch": ""},  # a layer there
    "log_sigmoid": {"torch": "logsigmoid"},
    "logit": {"jax": "jax.scipy.special:logit", "torch": "torch.special:logit"},
    "sign": {"jax": "jax.numpy:sign", "torch": "torch:sign"},
    "sine": {"jax": "jax.numpy:sin", "torch": "torch:sin"},
    "soft_shrink": {"torch": "softshrink"},
    "soft_sign": {"torch": "softsign", "keras": "softsign"},
    "swish": {"torch": "silu"},
    "tanh_shrink": {"torch": "tanhshrink"},
    "absolute_error": {"torch": "l1_loss"},
    "sigmoid_binary_cross_entropy": {"torch": "binary_cross_entropy_with_logits"},
    "squared_error": {"torch": "mse_loss"},
}
WORDS: dict[tuple[str, str], dict[str, Any]] = {
    ("keras", "leaky_relu"): {"negative_slope": 0.01},
    ("keras", "gelu"): {"approximate": True},
    ("keras", "gelu_exact"): {"approximate": False},
    ("torch", "gelu"): {"approximate": "tanh"},
    ("jax", "gelu_exact"): {"approximate": False},
}


class Key(NamedTuple):
    """A key of ORACLES taken apart."""

    room: str
    name: str  # of the public function
    exact: bool
    target: float | None  # the second argument of a loss


def parsed(key: str) -> Key:
    """The parts of a key.

    >>> parsed("losses.hinge_loss(1)")
    Key(room='losses', name='hinge_loss', exact=False, target=1.0)
    """
    found = re.fullmatch(r"(?:(\w+)\.)?(\w+?)(_exact)?(?:\((.+)\))?", key)
    assert found is not None, key
    room, name, exact, target = found.groups()
    of_loss = float(target or 0) if room else None
    return Key(room or "activations", name, exact is not None, of_loss)


def oracles_of(room: str, name: str) -> list[str]:
    """The keys that speak of one public function."""
    return [key for key in ORACLES if parsed(key)[:2] == (room, name)]


def stated(key: str) -> _bounds.Bound | None:
    """The row of the function in the table of bounds."""
    return _bounds.STATED[parsed(key).room].get(parsed(key).name)


def ours(key: str) -> Callable | None:
    """Our function of one array; None where the house has none of the name."""
    part = parsed(key)
    f = discover(part.room).get(part.name)
    if f is None:
        return None
    if part.exact:
        return functools.partial(f, approximate=False)
    return f if part.target is None else _held(f, part.target)


def _held(f: Callable, target: float) -> Callable:
    """f(·, target)."""
    return lambda x: f(x, jnp.full_like(x, target))


def peers(key: str) -> Iterator[tuple[str, Callable[[np.ndarray], Orders]]]:
    """(library, x -> (value, first, second)) of every installed one that has it."""
    part = parsed(key)
    for library in LIBRARIES:
        place = NAMES.get(part.name, {}).get(library, part.name)
        if ":" not in place:
            place = f"{HOMES[library]}:{place}"
        module, _, name = place.partition(":")
        home = _imported(library, module)
        if home is not None and name in vars(home):
            yield library, _peer(library, getattr(home, name), key)


def _peer(library: str, f: Callable, key: str) -> Callable[[np.ndarray], Orders]:
    """A peer's function, made like ours: of one array, with our defaults."""
    part = parsed(key)
    f = functools.partial(f, **WORDS.get((library, key.split(".")[-1]), {}))
    if library == "torch":
        words = {} if part.target is None else {"reduction": "none"}
        return functools.partial(by_torch, functools.partial(f, **words), part.target)
    return differentiated(f if part.target is None else _held(f, part.target))


def _imported(library: str, module: str) -> ModuleType | None:
    try:
        with IMPORTING:
            if library == "keras":
                _adapters.keras_on_jax()
            return importlib.import_module(module)
    except (ImportError, ValueError):  # not here, or Keras on another backend
        return None


def by_torch(f: Callable, target: float | None, x: np.ndarray) -> Orders:
    """(value, first, second) by torch's own derivatives; NaN where it has none."""
    torch = importlib.import_module("torch")
    at = torch.tensor(x).requires_grad_()
    rest = () if target is None else (torch.full_like(at, target).detach(),)
    y, found = f(at, *rest), []
    for _ in range(2):
        found.append(y.detach().numpy(force=True))
        y = _slope(torch, y, at)
    return *found, y.detach().numpy(force=True)  # type: ignore[return-value]


def _slope(torch: Any, y: Any, at: Any) -> Any:
    """dy/dx elementwise; 0 where y does not depend on x."""
    if not y.requires_grad:
        return torch.zeros_like(at)
    try:
        (slope,) = torch.autograd.grad(y.sum(), at, create_graph=True)
    except (RuntimeError, NotImplementedError):  # no double backward
        return torch.full_like(at, torch.nan)
    return slope
