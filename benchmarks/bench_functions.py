"""Single functions at sizes of real networks, forward and with all cotangents."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay import activations, bench, losses, optim


class Case(NamedTuple):
    """A function name, its rival, and the shapes of its arrays."""

    name: str
    ours: Callable
    theirs: Callable
    rival: str
    shapes: tuple[tuple[int, ...], ...]
    small: tuple[tuple[int, ...], ...]  # for a smoke run
    differentiate: bool = True


def _labels(logits: Any) -> Any:
    return jnp.arange(len(logits)) % logits.shape[-1]


def _entropy(f: Callable, logits: Any) -> Any:
    return f(logits, _labels(logits)).mean()


def _adam(tx: Any, params: Any, grads: Any) -> Any:
    return tx.update(grads, tx.init(params), params)[0]


WIDE, SMALL = ((1024, 1024),), ((8, 16),)
ENTROPY = "softmax_cross_entropy_with_integer_labels"
CASES = [
    *(
        Case(n, getattr(activations, n), getattr(jax.nn, n), "jax.nn", WIDE, SMALL)
        for n in ("sigmoid", "silu", "gelu", "softplus", "softmax", "log_softmax")
    ),
    Case(
        ENTROPY,
        partial(_entropy, getattr(losses, ENTROPY)),
        partial(_entropy, getattr(optax.losses, ENTROPY)),
        "optax",
        ((4096, 1000),),
        ((8, 5),),
    ),
    Case(
        "adam, one step",
        partial(_adam, optim.adam(1e-3)),
        partial(_adam, optax.adam(1e-3)),
        "optax",
        ((1024, 1024), (1024, 1024)),
        ((4, 4), (4, 4)),
        differentiate=False,
    ),
]


def rows(*, smoke: bool = False) -> Iterator[dict[str, Any]]:
    """One row a case and direction."""
    rng = np.random.default_rng(0)
    for case in CASES:
        shapes = case.small if smoke else case.shapes
        args = [jnp.asarray(rng.standard_normal(s), jnp.float32) for s in shapes]
        yield _row(case, "", case.ours, case.theirs, args, smoke)
        if case.differentiate:
            both = (
                bench.forward_backward(case.ours),
                bench.forward_backward(case.theirs),
            )
            yield _row(case, " + cotangents", *both, args, smoke)


def _row(case: Case, what: str, ours: Any, theirs: Any, args: Any, smoke: bool) -> dict:
    name = case.name + what
    row = bench.compare(ours, theirs, args, name=name, rounds=1 if smoke else 7)
    return {"case": name, "peer": case.rival, **row._asdict()}
