"""What the elementwise table races: our functions, their peers, and the truth."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay import activations, losses
from benchmarks import exhaustive

CLASSES = 1000
ENTROPY = "softmax_cross_entropy"
Arrays = tuple[np.ndarray, ...]


class Case(NamedTuple):
    """A function, its rivals of the same arguments, its inputs and its truth."""

    name: str
    ours: Callable
    jax: tuple[str, Callable] | None  # whose, and the function
    torch: Callable | None  # torch -> the function
    draw: Callable[[np.random.Generator, int], Arrays]  # so many numbers
    truth: Callable[..., tuple]  # (t, *arrays) -> (value, gradient) in float64
    by_row: bool = False  # ULP of the row's largest entry, not of each


# Where the library has no function: the formula as a user would write it.
FORMULAS: dict[str, tuple[str, Callable]] = {
    "gelu_exact": ("jax.nn", partial(jax.nn.gelu, approximate=False)),
    "tanh": ("jnp", jnp.tanh),
    "exponential": ("jnp", jnp.exp),
    "logit": ("jax.scipy", jax.scipy.special.logit),
    "quick_gelu": ("formula", lambda x: x * jax.nn.sigmoid(1.702 * x)),
    "tanh_shrink": ("formula", lambda x: x - jnp.tanh(x)),
    "squared_relu": ("formula", lambda x: jnp.square(jax.nn.relu(x))),
    "sine": ("jnp", jnp.sin),
    "gaussian": ("formula", lambda x: jnp.exp(-x * x)),
    "sign": ("jnp", jnp.sign),
}


def _torch(name: str, **settings: Any) -> Callable:
    def find(torch):
        for module in (torch.nn.functional, torch):
            if hasattr(module, name):
                return partial(getattr(module, name), **settings)
        raise AttributeError(f"torch has no {name}")

    return find


TORCH: dict[str, Callable] = {
    **{n: _torch(n) for n in ("sigmoid", "softplus", "silu", "tanh", "mish", "logit")},
    **{n: _torch(n) for n in ("relu", "relu6", "leaky_relu", "elu", "celu", "selu")},
    "log_sigmoid": _torch("logsigmoid"),
    "gelu": _torch("gelu", approximate="tanh"),
    "gelu_exact": _torch("gelu"),
    "tanh_shrink": _torch("tanhshrink"),
    "soft_sign": _torch("softsign"),
    "exponential": _torch("exp"),
    "hard_sigmoid": _torch("hardsigmoid"),
    "hard_silu": _torch("hardswish"),
    "hard_tanh": _torch("hardtanh"),
    "hard_shrink": _torch("hardshrink"),
    "soft_shrink": _torch("softshrink"),
    "sine": _torch("sin"),
    "sign": _torch("sign"),
}


def elementwise() -> list[Case]:
    """Every activation of one array that has an oracle."""
    return [_activation(subject) for subject in exhaustive.activations().values()]


def _activation(subject: Any) -> Case:
    from assay.verify.oracles import ORACLES

    name, oracle = subject.name, ORACLES[subject.name]
    low, high = oracle.domain
    peer = FORMULAS.get(name)
    if peer is None and hasattr(jax.nn, name):
        peer = ("jax.nn", getattr(jax.nn, name))

    def draw(rng, numbers):
        x = rng.standard_normal(numbers, np.float32) * np.float32(3)
        if np.isfinite(low) and np.isfinite(high):
            x = rng.uniform(low, high, numbers).astype(np.float32)
        # At a corner every library has a derivative of its own.
        x = np.where(np.isin(x, oracle.kinks), np.float32(0.3), x)
        return (abs(x) if low == 0 else x,)

    def truth(t, x):
        return subject.truths["value"](x), t * subject.truths["first"](x)

    return Case(name, subject.ours, peer, TORCH.get(name), draw, truth)


def sample(numbers: int, low: float, high: float) -> np.ndarray:
    """Normal numbers of a domain: half random bit patterns, half within ±20."""
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2**32, numbers // 2, dtype=np.uint32).view(np.float32)
    plain = rng.uniform(-20, 20, numbers - len(bits)).astype(np.float32)
    x = np.concatenate([bits, plain])
    fits = np.isfinite(x) & (abs(x) >= 2.0**-126) & (x > low) & (x < high)
    return np.where(fits, x, np.float32(min(0.3, high)))


def _rows(rng: np.random.Generator, numbers: int) -> np.ndarray:
    """Logits of some confidence."""
    shape = max(1, numbers // CLASSES), min(numbers, CLASSES)
    return rng.standard_normal(shape, np.float32) * np.float32(3)


def _logits(rng: np.random.Generator, numbers: int) -> Arrays:
    return (_rows(rng, numbers),)


def _with_labels(rng: np.random.Generator, numbers: int) -> Arrays:
    x = _rows(rng, numbers)
    return x, rng.integers(0, x.shape[1], len(x)).astype(np.int32)


def _with_masses(rng: np.random.Generator, numbers: int) -> Arrays:
    mass = rng.dirichlet(
        np.full(min(numbers, CLASSES), 0.1), max(1, numbers // CLASSES)
    )
    return _rows(rng, numbers), mass.astype(np.float32)


def _with_bits(rng: np.random.Generator, numbers: int) -> Arrays:
    x = rng.standard_normal(numbers, np.float32) * np.float32(3)
    return x, rng.integers(0, 2, numbers).astype(np.float32)


def _parts(x: np.ndarray) -> tuple:
    """(softmax, log softmax): the largest entry's logarithm from the others."""
    d = x - x.max(-1, keepdims=True)
    e = np.exp(d)
    at_top = np.arange(x.shape[-1]) == x.argmax(-1)[..., None]
    rest = np.where(at_top, 0, e).sum(-1, keepdims=True)
    return e / (1 + rest), d - np.log1p(rest)


def _softmax(t, x):
    p, _ = _parts(x)
    return p, p * (t - (p * t).sum(-1, keepdims=True))


def _log_softmax(t, x):
    p, log_p = _parts(x)
    return log_p, t - p * t.sum(-1, keepdims=True)


def _logsumexp(t, x):
    p, log_p = _parts(x)
    return (x - log_p)[:, 0], p * t[:, None]


def _entropy(t, x, labels):
    p, log_p = _parts(x)
    hot = np.arange(x.shape[-1]) == labels.astype(int)[:, None]
    # p − 1 at the label is less the sum of the others.
    others = np.where(hot, 0, p).sum(-1, keepdims=True)
    return -log_p[hot], np.where(hot, -others, p) * t[:, None]


def _soft_entropy(t, x, mass):
    p, log_p = _parts(x)
    total = mass.sum(-1, keepdims=True)
    return -(mass * log_p).sum(-1), (p * total - mass) * t[:, None]


def _binary(t, x, bits):
    from assay.verify.oracles import ORACLES

    side = 1 - 2 * bits
    softplus = ORACLES["softplus"]
    return softplus.value(side * x), t * side * softplus.first(side * x)


def _torch_entropy(torch: Any) -> Callable:
    entropy = partial(torch.nn.functional.cross_entropy, reduction="none")
    return lambda x, y: entropy(x, y if y.is_floating_point() else y.long())


def _torch_binary(torch: Any) -> Callable:
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    return partial(entropy, reduction="none")


def by_rows() -> list[Case]:
    """Maps of rows, and the cross-entropies; those that we have."""
    dim = {"dim": -1}
    last = partial(jax.scipy.special.logsumexp, axis=-1)
    ours = getattr(activations, "logsumexp", None)
    integer = f"{ENTROPY}_with_integer_labels"
    binary = "sigmoid_binary_cross_entropy"
    table = [
        ("softmax", _torch("softmax", **dim), _logits, _softmax),
        ("log_softmax", _torch("log_softmax", **dim), _logits, _log_softmax),
        (ENTROPY, _torch_entropy, _with_masses, _soft_entropy),
        (integer, _torch_entropy, _with_labels, _entropy),
        (binary, _torch_binary, _with_bits, _binary),
    ]
    cases = []
    for name, torch, draw, truth in table:
        act = name in vars(jax.nn)
        room = activations if act else losses
        peer = ("jax.nn", jax.nn) if act else ("optax", optax.losses)
        rival = peer[0], getattr(peer[1], name)
        by_row = name != binary
        cases.append(Case(name, getattr(room, name), rival, torch, draw, truth, by_row))
    if ours is not None:
        f, peer = partial(ours, axis=-1), ("jax.scipy", last)
        torch = _torch("logsumexp", **dim)
        cases.append(Case("logsumexp", f, peer, torch, _logits, _logsumexp, True))
    return cases
