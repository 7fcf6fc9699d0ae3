"""Gradient noise, and gradient descent with it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, Key, PyTree, Scalar, ScalarOrSchedule


class AddNoiseState(NamedTuple):
    """The state of `add_noise`."""

    count: Array  # () int32, updates so far
    rng_key: Array  # () typed key, split at every update


def add_noise(
    eta: Scalar, gamma: Scalar, key: Key | int | None = None, *, seed: int | None = None
) -> Transform:
    """u = g + √(eta/tᵞ) · n, n ~ N(0, 1), t = this update's number from 1.

    `key` is a key or a seed (`seed` is Optax's older word); the noise is drawn in at
    least float32.

    >>> tx = add_noise(0.01, 0.55, key=0)
    >>> g = jnp.zeros(10_000)
    >>> round(tx.update(g, tx.init(g))[0].std().item(), 2)
    0.1

    Neelakantan et al. 2015, arXiv:1511.06807.
    """
    key = start_key("add_noise", key, seed)
    eta, gamma = arithmetic.number(eta), arithmetic.number(gamma)

    def init(params):
        del params
        return AddNoiseState(jnp.zeros([], jnp.int32), jnp.array(key, copy=True))

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        key, sample = jax.random.split(state.rng_key)

        def leaf(g, k):
            t = count.astype(g.dtype)
            size = jnp.sqrt(arithmetic.like(eta, g) / t ** arithmetic.like(gamma, g))
            return g + size * jax.random.normal(k, g.shape, g.dtype)

        updates = arithmetic.each(leaf, updates, keys_like(sample, updates))
        return updates, AddNoiseState(count, key)

    return Transform(init, update)


def noisy_sgd(
    learning_rate: ScalarOrSchedule,
    eta: Scalar = 0.01,
    gamma: Scalar = 0.55,
    key: Key | int | None = None,
    *,
    seed: int | None = None,
) -> Transform:
    """`add_noise`, then a step downhill.

    >>> tx = noisy_sgd(0.1, eta=0.0, key=0)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.05, 0.2]

    Neelakantan et al. 2015, arXiv:1511.06807.
    """
    noise = add_noise(eta, gamma, key, seed=seed)
    return chain(noise, scale_by_learning_rate(learning_rate))


def start_key(who: str, key: Any, seed: int | None = None) -> Array:
    """A typed key of a key or a seed; 0 as in Optax if there is none."""
    if key is not None and seed is not None:
        _check.fail(who, "key and seed must not both be given", f"{key} and {seed}")
    key = seed if key is None else key
    key = 0 if key is None else key
    if not hasattr(key, "dtype") or jnp.ndim(key) == 0 and _integer(key):
        return jax.random.key(key)
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    return key if typed else jax.random.wrap_key_data(jnp.asarray(key))


def keys_like(key: Array, tree: PyTree) -> PyTree:
    """One key for every leaf."""
    structure = jax.tree.structure(tree)
    return structure.unflatten(list(jax.random.split(key, structure.num_leaves)))


def _integer(key: Any) -> bool:
    return jnp.issubdtype(key.dtype, jnp.integer)
