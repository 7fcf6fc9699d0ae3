"""Gated units: one half of the features times a function of the other. And maxout.

The second half is the gate, as jax.nn.glu and torch have it: of [h; g] swiglu is
h · silu(g). A gate below 1e-38 counts as 0, whatever it multiplies.
"""

import jax.numpy as jnp

from assay import _check
from assay._numerics import compiled, rounded_once
from assay.activations._gelu import gelu
from assay.activations._relu import relu
from assay.activations._sigmoid import sigmoid
from assay.activations._silu import silu
from assay.typing import Array, Float


def _halves(who, x, axis):
    """Both halves of `axis`."""
    _along(who, x, axis)
    if x.shape[axis] % 2:
        must = f"the size of axis {axis} must be even"
        _check.fail(who, must, f"x.shape={x.shape}", "One half gates the other.")
    return jnp.split(x, 2, axis)


def _along(who, x, axis):
    if not -x.ndim <= axis < x.ndim:
        _check.fail(who, f"axis must name an axis of x (rank {x.ndim})", axis)


@compiled(static=["axis"])
@rounded_once
def glu(x: Float[Array, "*shape"], axis: int = -1) -> Float[Array, "*half"]:
    """h · σ(g), of the halves [h; g] of `axis`.

    >>> glu(jnp.array([3.0, 0.0])).tolist()
    [1.5]

    Dauphin et al. 2016, arXiv:1612.08083.

    Float32, CPU: within 4 ULP.
    """
    h, g = _halves("glu", x, axis)
    return h * sigmoid(g)


@compiled(static=["axis", "approximate"])
@rounded_once
def geglu(
    x: Float[Array, "*shape"], axis: int = -1, *, approximate: bool = True
) -> Float[Array, "*half"]:
    """h · gelu(g), of the halves [h; g] of `axis`.

    >>> geglu(jnp.array([2.0, 1.0]), approximate=False).tolist()
    [1.6826...]

    Shazeer 2020, arXiv:2002.05202.

    Float32, CPU: within 8 ULP.
    """
    h, g = _halves("geglu", x, axis)
    return h * gelu(g, approximate)


@compiled(static=["axis"])
@rounded_once
def swiglu(x: Float[Array, "*shape"], axis: int = -1) -> Float[Array, "*half"]:
    """h · silu(g), of the halves [h; g] of `axis`.

    >>> swiglu(jnp.array([2.0, 1.0])).tolist()
    [1.4621...]

    Shazeer 2020, arXiv:2002.05202.

    Float32, CPU: within 4 ULP.
    """
    h, g = _halves("swiglu", x, axis)
    return h * silu(g)


@compiled(static=["axis"])
@rounded_once
def reglu(x: Float[Array, "*shape"], axis: int = -1) -> Float[Array, "*half"]:
    """h · max(g, 0), of the halves [h; g] of `axis`. The derivative at g = 0 is 0.

    >>> reglu(jnp.array([2.0, 4.0, 3.0, -1.0])).tolist()
    [6.0, 0.0]

    Shazeer 2020, arXiv:2002.05202.

    Float32, CPU: within 0.5 ULP.
    """
    h, g = _halves("reglu", x, axis)
    return h * relu(g)


@compiled(static=["axis"])
@rounded_once
def bilinear(x: Float[Array, "*shape"], axis: int = -1) -> Float[Array, "*half"]:
    """h · g, of the halves [h; g] of `axis`.

    >>> bilinear(jnp.array([2.0, 4.0, 3.0, -1.0])).tolist()
    [6.0, -4.0]

    Mnih and Hinton 2007, ICML; Shazeer 2020, arXiv:2002.05202.

    Float32, CPU: within 0.5 ULP.
    """
    h, g = _halves("bilinear", x, axis)
    return h * g


@compiled(static=["pieces", "axis"])
def maxout(
    x: Float[Array, "*shape"], *, pieces: int, axis: int = -1
) -> Float[Array, "*groups"]:
    """The largest of every `pieces` consecutive entries of `axis`.

    Entries that are equal share the derivative.

    >>> maxout(jnp.array([1.0, 5.0, 2.0, -3.0, -4.0, -9.0]), pieces=3).tolist()
    [5.0, -3.0]

    Goodfellow et al. 2013, arXiv:1302.4389.

    Float32, CPU: within 0 ULP.
    """
    x = jnp.asarray(x)
    _along("maxout", x, axis)
    size, axis = x.shape[axis], axis % x.ndim
    if pieces < 1 or size % pieces:
        must = f"the size of axis {axis} must be a multiple of pieces={pieces}"
        _check.fail("maxout", must, f"x.shape={x.shape}")
    groups = *x.shape[:axis], size // pieces, pieces, *x.shape[axis + 1 :]
    return jnp.max(x.reshape(groups), axis + 1)
