"""What `bench_layers` times: ours, the same in Flax or lax, arrays, and what to reach.

A target is the ratio of the peer's time to ours, forward and with all cotangents; None
where the figure is only reported.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen
from jax import lax

from assay import layers

Shape = tuple[int, ...]
SAME = "SAME"


class Case(NamedTuple):
    """A name, two functions of the same arrays, their shapes, and the targets."""

    name: str
    ours: Callable
    theirs: Callable
    shapes: tuple[Shape, ...]
    small: tuple[Shape, ...]  # for a smoke run
    targets: tuple[float | None, float | None] = (None, None)
    torch: str = ""  # the name in `_torch_layers.FORMS`
    options: tuple = ()  # what that form is told
    tolerance: float = 1e-4


def lax_conv(x: Any, kernel: Any, *, padding: str, strides: int) -> Any:
    """The convolution that Flax, Haiku, Equinox and Keras lower to."""
    rank = kernel.ndim - 2
    space = "DHW"[3 - rank :]
    layout = (f"N{space}C", f"{space}IO", f"N{space}C")
    groups = x.shape[-1] // kernel.shape[-2]
    return lax.conv_general_dilated(
        x,
        kernel,
        (strides,) * rank,
        padding,
        dimension_numbers=layout,
        feature_group_count=groups,
    )


def lax_conv_transpose(x: Any, kernel: Any) -> Any:
    """As `flax.linen.ConvTranspose`, whose kernel is ours turned round."""
    turned = jnp.flip(kernel, (0, 1))
    return lax.conv_transpose(
        x, turned, (2, 2), SAME, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def flax_batch_norm(x: Any, scale: Any, bias: Any) -> Any:
    """As it trains: y and the running statistics."""
    stats = {"mean": jnp.zeros_like(scale), "var": jnp.ones_like(scale)}
    variables = {"params": {"scale": scale, "bias": bias}, "batch_stats": stats}
    norm = linen.BatchNorm(use_running_average=False)
    y, new = norm.apply(variables, x, mutable=["batch_stats"])
    return y, new["batch_stats"]["mean"], new["batch_stats"]["var"]


def our_batch_norm(x: Any, scale: Any, bias: Any) -> Any:
    """The same, ours."""
    stats = layers.BatchStats(jnp.zeros_like(scale), jnp.ones_like(scale))
    y, new = layers.batch_norm(x, scale, bias, stats)
    return y, new.mean, new.var


def flax_layer_norm(x: Any, scale: Any, bias: Any) -> Any:
    """Flax's default, its fast variance."""
    return linen.LayerNorm().apply({"params": {"scale": scale, "bias": bias}}, x)


def flax_dropout(x: Any) -> Any:
    """From a threefry key, as Flax draws."""
    norm = linen.Dropout(0.1, deterministic=False)
    return norm.apply({}, x, rngs={"dropout": jax.random.key(0)})


def our_dropout(x: Any) -> Any:
    """The same rate, ours."""
    return layers.dropout(x, rate=0.1, key=jax.random.key(0))


def _conv(
    name: str,
    ours: Callable,
    shapes: tuple[Shape, Shape],
    targets: tuple[float | None, float | None],
    strides: int = 1,
) -> Case:
    """A convolution with SAME padding beside lax's, and torch's where it has it."""
    (n, *spatial, c), (*window, i, o) = shapes
    groups = c // i
    few = 4 if groups == c else 2 * groups
    sizes = [min(s, 9) for s in spatial]
    window_small = [min(k, 3) for k in window]
    small_i = few // groups if groups > 1 else min(c, 3)
    small = (
        (2, *sizes, few if groups > 1 else small_i),
        (*window_small, small_i if groups != c else 1, few if groups > 1 else 4),
    )
    how = {"padding": SAME, "strides": strides}
    f, theirs = partial(ours, **how), partial(lax_conv, **how)
    return Case(name, f, theirs, shapes, small, targets, "conv", (strides,))


IMAGES, FEW = (32, 56, 56, 64), (2, 8, 8, 4)
ONE, EIGHT = (32, 28, 28, 128), (8, 56, 56, 64)
POOL3 = ((1, 1), (1, 1))
LONG = (8, 4096, 1)


def _pool(name: str, f: Callable, theirs: Callable, window: int, stride: int, to: Any):
    pads = POOL3 if window > stride else "VALID"
    size, steps = (window,) * 2, (stride,) * 2
    ours = partial(f, window=size, strides=steps, padding=pads)
    other = partial(theirs, window_shape=size, strides=steps, padding=pads)
    kind = "max_pool" if f is layers.max_pool else "avg_pool"
    told = (window, stride, 1 if window > stride else 0)
    return Case(name, ours, other, (IMAGES,), (FEW,), to, kind, told)


def cases() -> list[Case]:
    """The rows of the table, in its order."""
    return [*_convolutions(), _transposed(), *_pools(), *_long(), *_norms(), _dropout()]


def _convolutions() -> list[Case]:
    depth, dense = layers.depthwise_conv, layers.conv
    rows = [  # name, function, x, kernel, targets, options
        ("depthwise 3x3", depth, IMAGES, (3, 3, 1, 64), (7, 9)),
        ("depthwise 3x3", depth, ONE, (3, 3, 1, 128), (7, 9)),
        ("depthwise 7x7", depth, (16, 14, 14, 384), (7, 7, 1, 384), (10, 20)),
        ("depthwise 3x3 stride 2", depth, IMAGES, (3, 3, 1, 64), (5, 12), 2),
        ("grouped g=8 3x3", layers.grouped_conv, EIGHT, (3, 3, 8, 64), (1, 10)),
        ("1x1", dense, ONE, (1, 1, 128, 256), (2, 4.5)),
        ("3x3", dense, (32, 32, 32, 64), (3, 3, 64, 64), (1, 1.25)),
        ("3x3", dense, EIGHT, (3, 3, 64, 64), (1, 1.25)),
    ]
    return [_conv(_sized(name, x), f, (x, k), to, *s) for name, f, x, k, to, *s in rows]


def _sized(name: str, x: Shape) -> str:
    if name == "1x1":
        return "1x1, 32x28x28, 128 to 256"
    return f"{name}, {'x'.join(map(str, x))}"


def _transposed() -> Case:
    return Case(
        "transposed 4x4 stride 2, 4x28x28x64 to 32",
        partial(layers.conv_transpose, strides=2, padding=SAME),
        lax_conv_transpose,
        ((4, 28, 28, 64), (4, 4, 64, 32)),
        ((2, 5, 6, 3), (4, 4, 3, 2)),
        (1, 4),
        "conv_transpose",
    )


def _pools() -> list[Case]:
    largest, mean = layers.max_pool, layers.avg_pool
    return [
        _pool("max pool 2x2", largest, linen.max_pool, 2, 2, (1, 10)),
        _pool("max pool 3x3 stride 2", largest, linen.max_pool, 3, 2, (0.95, 3)),
        _pool("average pool 2x2", mean, linen.avg_pool, 2, 2, (1.05, 1.5)),
    ]


def _norms() -> list[Case]:
    batch, layer = (IMAGES, FEW), ((4096, 1024), (8, 4))
    rows = [
        ("batch norm", "32x56x56x64", our_batch_norm, flax_batch_norm, batch, 0.7),
        ("layer norm", "4096x1024", layers.layer_norm, flax_layer_norm, layer, 0.8),
    ]
    found = []
    for name, size, ours, theirs, xs, target in rows:
        shapes, small = ((x, x[-1:], x[-1:]) for x in xs)
        torch, to = name.replace(" ", "_"), (target, 1.0)
        found.append(Case(f"{name}, {size}", ours, theirs, shapes, small, to, torch))
    return found


def _dropout() -> Case:
    shapes = ((4096, 1024),), ((8, 4),)
    return Case(
        "dropout 0.1, 4096x1024",
        our_dropout,
        flax_dropout,
        *shapes,
        (2.4, 2),
        "dropout",
        tolerance=float("inf"),  # other draws: the tests compare the rates
    )


def _long() -> list[Case]:
    """Wide kernels: the local forms, and the way through the frequencies."""
    found = []
    for k, local, far in ((256, 4, None), (1024, 15, 20)):
        shapes = LONG, (k, 1, 1)
        found.append(_conv(f"1-d K={k}, 8x4096", layers.conv, shapes, (local, None)))
        if far:
            name = f"fft_conv 1-d K={k}, 8x4096"
            found.append(_conv(name, layers.fft_conv, shapes, (far, None)))
    for k, local, far in ((15, 5, 12), (31, 25, 35)):
        shapes = (4, 64, 64, 16), (k, k, 1, 16)
        name = f"depthwise K={k}, 4x64x64x16"
        found.append(_conv(name, layers.depthwise_conv, shapes, (local, None)))
        found.append(_conv(f"fft_conv {name}", layers.fft_conv, shapes, (far, None)))
    return found
