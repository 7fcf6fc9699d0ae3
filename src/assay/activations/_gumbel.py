"""Samples of a categorical distribution that have derivatives."""

import functools

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations._softmax import softmax
from assay.autodiff import straight_through
from assay.typing import Array, Bool, Float, Key, Scalar


def gumbel_softmax(
    x: Float[Array, "*shape"],
    *,
    temperature: Scalar = 1.0,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
    key: Key,
) -> Float[Array, "*shape"]:
    """softmax((x + g) / temperature) over `axis`, of Gumbel noise g.

    x are logits. As the temperature falls to 0 it becomes a sample of them, one-hot.

    >>> y = gumbel_softmax(jnp.zeros((2, 3)), temperature=0.5, key=jax.random.key(0))
    >>> y.sum(-1).round(5).tolist()
    [1.0, 1.0]

    Jang et al. 2016, arXiv:1611.01144; Maddison et al. 2016, arXiv:1611.00712.

    Float32, CPU: within 4 ULP of the row's largest entry.
    """
    _check_temperature("gumbel_softmax", temperature)
    return softmax(_noisy(x, temperature, key), axis, where).astype(jnp.result_type(x))


def hard_gumbel_softmax(
    x: Float[Array, "*shape"],
    *,
    temperature: Scalar = 1.0,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
    key: Key,
) -> Float[Array, "*shape"]:
    """A one-hot sample of the logits x, with the derivatives of `gumbel_softmax`.

    Straight through: of the same key, so that the 1 stands at that one's largest.

    >>> hard_gumbel_softmax(jnp.array([0.0, 99.0]), key=jax.random.key(0)).tolist()
    [0.0, 1.0]

    Jang et al. 2016, arXiv:1611.01144.

    Float32, CPU: within 0 ULP.
    """
    _check_temperature("hard_gumbel_softmax", temperature)
    y = _sample(axis)(_noisy(x, temperature, key), where)
    return y.astype(jnp.result_type(x))


def _check_temperature(who, temperature):
    if isinstance(temperature, (int, float)) and not temperature > 0:
        _check.fail(who, "temperature must be positive", temperature)


def _noisy(x, temperature, key):
    x = _numerics.wide(x)
    # In float32 always: a key means one sample, whatever the dtype.
    noise = jax.random.gumbel(key, x.shape, jnp.float32).astype(x.dtype)
    return (x + noise) / jnp.asarray(temperature, x.dtype)


@functools.cache
def _sample(axis):
    """One-hot where softmax is largest, differentiated as softmax."""

    def soft(z, where):
        return softmax(z, axis, where)

    def hard(z, where):
        y = soft(z, where)
        place = jax.lax.broadcasted_iota(jnp.int32, z.shape, axis % z.ndim)
        here = place == jnp.argmax(y, axis, keepdims=True).astype(jnp.int32)
        # Nowhere in a row of zeros, which is masked, or of NaN.
        return jnp.where(here & (y > 0), 1, y * 0)

    return straight_through(hard, soft)
