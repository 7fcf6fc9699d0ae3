"""Single functions at sizes of real networks, forward and with all cotangents."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen
from jax import lax

from assay import activations, bench, layers, losses, optim


class Case(NamedTuple):
    """A function name, its rival, and the shapes of its arrays."""

    name: str
    ours: Callable
    theirs: Callable
    rival: str
    shapes: tuple[tuple[int, ...], ...]
    small: tuple[tuple[int, ...], ...]  # for a smoke run
    differentiate: bool = True


def _lax_conv(x: Any, kernel: Any, *, groups: int = 1) -> Any:
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=layout, feature_group_count=groups
    )


def _depthwise(x: Any, kernel: Any) -> Any:
    return _lax_conv(x, kernel, groups=x.shape[-1])


def _layer_norm(x: Any, scale: Any, bias: Any) -> Any:
    return linen.LayerNorm().apply({"params": {"scale": scale, "bias": bias}}, x)


def _labels(logits: Any) -> Any:
    return jnp.arange(len(logits)) % logits.shape[-1]


def _entropy(f: Callable, logits: Any) -> Any:
    return f(logits, _labels(logits)).mean()


def _adam(tx: Any, params: Any, grads: Any) -> Any:
    return tx.update(grads, tx.init(params), params)[0]


WIDE, SMALL = ((1024, 1024),), ((8, 16),)
IMAGES, FEW = (32, 56, 56, 64), (2, 8, 8, 4)
SAME = {"padding": "SAME"}
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
        "conv 3x3, 16 channels",
        partial(layers.conv, **SAME),
        _lax_conv,
        "lax (as Flax)",
        ((32, 28, 28, 16), (3, 3, 16, 16)),
        ((2, 8, 8, 4), (3, 3, 4, 4)),
    ),
    Case(
        "depthwise_conv 3x3",
        partial(layers.depthwise_conv, **SAME),
        _depthwise,
        "lax (as Flax)",
        (IMAGES, (3, 3, 1, 64)),
        (FEW, (3, 3, 1, 4)),
    ),
    Case(
        "max_pool 2x2",
        partial(layers.max_pool, window=(2, 2)),
        partial(linen.max_pool, window_shape=(2, 2), strides=(2, 2)),
        "flax",
        (IMAGES,),
        (FEW,),
    ),
    Case(
        "avg_pool 2x2",
        partial(layers.avg_pool, window=(2, 2)),
        partial(linen.avg_pool, window_shape=(2, 2), strides=(2, 2)),
        "flax",
        (IMAGES,),
        (FEW,),
    ),
    Case(
        "layer_norm",
        layers.layer_norm,
        _layer_norm,
        "flax",
        ((2048, 512), (512,), (512,)),
        ((8, 4), (4,), (4,)),
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
