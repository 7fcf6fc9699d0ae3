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


def lax_conv(x: Any, kernel: Any, **options: Any) -> Any:
    """The convolution that Flax, Haiku, Equinox and Keras lower to."""
    rank = kernel.ndim - 2
    space = "DHW"[3 - rank :]
    layout = (f"N{space}C", f"{space}IO", f"N{space}C")
    groups = x.shape[-1] // kernel.shape[-2]
    strides = (options.get("strides", 1),) * rank
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        options.get("padding", SAME),
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
    **options: Any,
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
    options = {"padding": SAME, **options}
    f, theirs = partial(ours, **options), partial(lax_conv, **options)
    told = (options.get("strides", 1),)
    return Case(name, f, theirs, shapes, small, targets, "conv", told)


IMAGES, FEW = (32, 56, 56, 64), (2, 8, 8, 4)
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
    depth, dense, grouped = layers.depthwise_conv, layers.conv, layers.grouped_conv
    one = (32, 28, 28, 128)
    return [
        _conv("depthwise 3x3, 32x56x56x64", depth, (IMAGES, (3, 3, 1, 64)), (7, 9)),
        _conv("depthwise 3x3, 32x28x28x128", depth, (one, (3, 3, 1, 128)), (7, 9)),
        _conv(
            "depthwise 7x7, 16x14x14x384",
            depth,
            ((16, 14, 14, 384), (7, 7, 1, 384)),
            (10, 20),
        ),
        _conv(
            "depthwise 3x3 stride 2, 32x56x56x64",
            depth,
            (IMAGES, (3, 3, 1, 64)),
            (5, 12),
            strides=2,
        ),
        _conv(
            "grouped g=8 3x3, 8x56x56x64",
            grouped,
            ((8, 56, 56, 64), (3, 3, 8, 64)),
            (1, 10),
        ),
        _conv("1x1, 32x28x28, 128 to 256", dense, (one, (1, 1, 128, 256)), (2, 4.5)),
        _conv("3x3, 32x32x32x64", dense, ((32, 32, 32, 64), (3, 3, 64, 64)), (1, 1.25)),
        _conv("3x3, 8x56x56x64", dense, ((8, 56, 56, 64), (3, 3, 64, 64)), (1, 1.25)),
        Case(
            "transposed 4x4 stride 2, 4x28x28x64 to 32",
            partial(layers.conv_transpose, strides=2, padding=SAME),
            lax_conv_transpose,
            ((4, 28, 28, 64), (4, 4, 64, 32)),
            ((2, 5, 6, 3), (4, 4, 3, 2)),
            (1, 4),
            "conv_transpose",
        ),
        _pool("max pool 2x2", layers.max_pool, linen.max_pool, 2, 2, (1, 10)),
        _pool(
            "max pool 3x3 stride 2", layers.max_pool, linen.max_pool, 3, 2, (0.95, 3)
        ),
        _pool("average pool 2x2", layers.avg_pool, linen.avg_pool, 2, 2, (1.05, 1.5)),
        *_long(),
        Case(
            "batch norm, 32x56x56x64",
            our_batch_norm,
            flax_batch_norm,
            (IMAGES, (64,), (64,)),
            (FEW, (4,), (4,)),
            (0.7, 1.0),
            "batch_norm",
        ),
        Case(
            "layer norm, 4096x1024",
            layers.layer_norm,
            flax_layer_norm,
            ((4096, 1024), (1024,), (1024,)),
            ((8, 4), (4,), (4,)),
            (0.8, 1.0),
            "layer_norm",
        ),
        Case(
            "dropout 0.1, 4096x1024",
            our_dropout,
            flax_dropout,
            ((4096, 1024),),
            ((8, 4),),
            (2.4, 2),
            "dropout",
            tolerance=float("inf"),  # other draws: the tests compare the rates
        ),
    ]


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
