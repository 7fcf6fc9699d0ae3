"""What jax.nn.initializers does not have: loops in NumPy, draws by jax.random."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.nn.initializers as peer
import jax.numpy as jnp
import numpy as np

from assay.verify.mirrors._given import mark


def _key() -> Any:
    return jax.random.key(3)


def _property(source: str, ulp: float) -> Callable:
    return mark(property=True, source=source, ulp=ulp)


def _drawn(init: Callable, *shapes: tuple) -> list[Any]:
    return [init(_key(), shape, jnp.float32) for shape in shapes]


@_property("loops in NumPy", 0.0)
def identity(ours: Callable) -> tuple:
    """Ones where the last two indices agree."""
    shapes = (3, 5), (4, 2), (2, 3, 4)
    expected = [np.zeros(s) for s in shapes]
    for array in expected:
        for place in np.ndindex(array.shape):
            array[place] = 0.75 * (place[-1] == place[-2])
    return _drawn(ours(0.75), *shapes), expected


eye = identity


@_property("torch.nn.init.dirac_, in NumPy", 0.0)
def dirac(ours: Callable) -> tuple:
    """torch's loops, transposed; the windows are odd, where both middles agree."""
    shapes = (3, 2, 4), (5, 3, 4, 2), (1, 3, 5, 2, 6)
    expected = []
    for groups in (1, 2):
        for shape in shapes:
            *window, i, o = shape
            array = np.zeros(shape)
            for group in range(groups):
                for d in range(min(o // groups, i)):
                    center = tuple(k // 2 for k in window)
                    array[(*center, d, group * (o // groups) + d)] = 1
            expected.append(array)
    return _drawn(ours(), *shapes) + _drawn(ours(groups=2), *shapes), expected


@_property("jax.image.resize", 1.0)
def bilinear_upsampling(ours: Callable) -> tuple:
    """Its transposed convolution of an impulse is the impulse resized, away from edges.

    An impulse in 7 numbers, twice as many afterwards: the 4 around it are the kernel.
    """
    impulse = jnp.zeros((7, 7)).at[3, 3].set(1)
    bigger = jax.image.resize(impulse, (14, 14), "linear")
    kernel = ours()(_key(), (4, 4, 1, 1), jnp.float32)
    return kernel[:, :, 0, 0], bigger[5:9, 5:9]


@_property("jax.random", 2.0)
def sparse(ours: Callable) -> tuple:
    """The zeros of each column counted, the others as they were drawn."""
    got, expected = [], []
    for shape, axis, sparsity in (((8, 5), -2, 0.4), ((3, 7), -1, 0.5), ((9, 2), 0, 1)):
        w = np.asarray(
            ours(sparsity, stddev=2.0, axis=axis)(_key(), shape, jnp.float32)
        )
        values, _ = jax.random.split(_key())
        dense = peer.normal(2.0)(values, shape, jnp.float32)
        counts = np.full(w.sum(axis).shape, math.ceil(sparsity * shape[axis]))
        got += [w, (w == 0).sum(axis).astype(float)]
        expected += [np.where(w == 0, 0, dense), counts.astype(float)]
    return got, expected


def _uniform(limit: float, shape: tuple) -> Any:
    return jax.random.uniform(_key(), shape, jnp.float32, -1) * limit


@_property("jax.random", 2.0)
def torch_kernel(ours: Callable) -> tuple:
    """torch's kaiming_uniform: gain √(2 / (1 + a²)), a = √5, and gain · √(3/n)."""
    bound = math.sqrt(2 / (1 + 5)) * math.sqrt(3)
    shapes = {(5, 7): 5, (3, 4, 6): 12, (2, 3, 5, 4): 30}
    expected = [_uniform(bound / math.sqrt(n), shape) for shape, n in shapes.items()]
    return _drawn(ours(), *shapes), expected


@_property("jax.random", 2.0)
def torch_bias(ours: Callable) -> tuple:
    """1/√n, and zeros for a layer without inputs."""
    expected = [_uniform(1 / math.sqrt(7), (5,)), np.zeros(3)]
    return _drawn(ours(7), (5,)) + _drawn(ours(0), (3,)), expected


@_property("jax.random", 2.0)
def uniform_scaling(ours: Callable) -> tuple:
    """Haiku's UniformScaling: √(3/n) · scale, n all axes but the last."""
    shapes = {(5, 7): 5, (3, 4, 6): 12}
    expected = [_uniform(0.7 * math.sqrt(3 / n), s) for s, n in shapes.items()]
    return _drawn(ours(0.7), *shapes), expected


@_property("jax.random", 2.0)
def mup_readout(ours: Callable) -> tuple:
    """Table 3 of Tensor Programs V: the deviation falls as 1/n."""
    shapes = {(32, 7): 32, (3, 4, 6): 12}
    draw = peer.normal(1.0)
    deviations = [math.sqrt(2.0 * 16) / n for n in shapes.values()]
    pairs = zip(deviations, _drawn(draw, *shapes), strict=True)
    return _drawn(ours(16, scale=2.0), *shapes), [d * w for d, w in pairs]


@_property("jax.nn.initializers", 2.0)
def depth_scaled(ours: Callable) -> tuple:
    """GPT-2: deviation 0.02, over the root of the residual's summands."""
    expected = _drawn(peer.normal(0.02), (5, 7), (2, 3))
    made = ours(peer.normal(0.02), 6)
    return _drawn(made, (5, 7), (2, 3)), [w / math.sqrt(12) for w in expected]


@_property("torch's documentation", 0.0)
def calculate_gain(ours: Callable) -> tuple:
    """The table of torch.nn.init."""
    table = {
        ("linear",): 1,
        ("conv2d",): 1,
        ("conv_transpose3d",): 1,
        ("sigmoid",): 1,
        ("tanh",): 5 / 3,
        ("relu",): math.sqrt(2),
        ("leaky_relu",): math.sqrt(2 / 1.0001),
        ("leaky_relu", 0.2): math.sqrt(2 / 1.04),
        ("selu",): 0.75,
    }
    got = [ours(*arguments) for arguments in table]
    return np.asarray(got), np.asarray(list(table.values()))
