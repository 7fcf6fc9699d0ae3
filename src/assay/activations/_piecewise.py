"""Identity, step and sign."""

import jax.numpy as jnp

from assay._numerics import compiled, derivative
from assay.activations._flat import flat
from assay.typing import Array, Float, Scalar, Shaped


def identity(x: Shaped[Array, "*shape"]) -> Shaped[Array, "*shape"]:
    """x.

    >>> identity(jnp.array([-1.0, 2.0])).tolist()
    [-1.0, 2.0]

    Float32, CPU: within 0 ULP; derivatives 0 and 0.
    """
    return jnp.asarray(x)


linear = identity


@compiled
def step(
    x: Float[Array, "*shape"], threshold: Scalar = 0.0, *, at_threshold: Scalar = 1.0
) -> Float[Array, "*shape"]:
    """1 if x > threshold, 0 if x < threshold, `at_threshold` where they are equal.

    Both conventions are in use: `at_threshold=1` fires at x ≥ θ, 0 at x > θ. The
    derivative is 0 everywhere; `step_sigmoid` and its like lend it another.

    >>> step(jnp.array([-1.0, 0.0, 2.0])).tolist()
    [0.0, 1.0, 1.0]
    >>> step(jnp.array([-1.0, 0.0, 2.0]), at_threshold=0.0).tolist()
    [0.0, 0.0, 1.0]

    McCulloch and Pitts 1943; Rosenblatt 1958.

    Float32, CPU: within 0 ULP; derivatives 0 and 0.
    """
    x = jnp.asarray(x)
    threshold = jnp.broadcast_to(jnp.asarray(threshold, x.dtype), x.shape)
    # Compared, not subtracted: a difference may be subnormal, and infinities meet.
    below = _zero(x) + _zero(threshold)
    met = jnp.where(x == threshold, jnp.asarray(at_threshold, x.dtype), below)
    return jnp.where(x > threshold, jnp.ones_like(x), met)


def _zero(x):
    return flat(x) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.zeros_like(x)


@derivative(flat)
def _sign(x):
    return jnp.sign(x)


@compiled
def sign(x: Shaped[Array, "*shape"]) -> Shaped[Array, "*shape"]:
    """-1, 0 or 1: the sign of x. The derivative is 0 everywhere.

    >>> sign(jnp.array([-3.0, 0.0, 2.0])).tolist()
    [-1.0, 0.0, 1.0]

    Float32, CPU: within 0 ULP; derivatives 0 and 0.
    """
    x = jnp.asarray(x)
    return _sign(x) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.sign(x)
