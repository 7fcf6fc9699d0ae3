"""Differentially private means of per-example gradients."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._noise import start_key
from assay.optim._per_example import per_example_global_norm_clip
from assay.optim._transform import Transform
from assay.typing import Array, Key, Scalar


class DifferentiallyPrivateAggregateState(NamedTuple):
    """The state of `differentially_private_aggregate`."""

    rng_key: Array  # () typed key, split at every update


def differentially_private_aggregate(
    l2_norm_clip: Scalar,
    noise_multiplier: Scalar,
    key: Key | int | None = None,
    *,
    seed: int | None = None,
) -> Transform:
    """u = (Σᵢ clip(gᵢ) + l2_norm_clip · noise_multiplier · n)/B, n ~ N(0, 1).

    First in a chain; the gradients of the B examples lie along axis 0, and are clipped
    by `per_example_global_norm_clip`.

    >>> tx = differentially_private_aggregate(1.0, 0.0, key=0)
    >>> tx.update(jnp.array([[2.0], [0.5]]), tx.init(None))[0].tolist()
    [0.75]

    Abadi et al. 2016, arXiv:1607.00133.
    """
    key = start_key("differentially_private_aggregate", key, seed)
    size = arithmetic.number(l2_norm_clip) * arithmetic.number(noise_multiplier)

    def init(params):
        del params
        return DifferentiallyPrivateAggregateState(jnp.array(key, copy=True))

    def update(updates, state, params=None, **extra):
        del params, extra
        wide = jax.tree.map(arithmetic.widen, updates)
        total, _ = per_example_global_norm_clip(wide, l2_norm_clip)
        leaves, structure = jax.tree.flatten(updates)
        key, *keys = jax.random.split(state.rng_key, len(leaves) + 1)

        def leaf(g, t, k):
            noise = jax.random.normal(k, t.shape, t.dtype)
            mean = (t + arithmetic.like(size, t) * noise) / g.shape[0]
            return mean.astype(g.dtype)

        updates = jax.tree.map(leaf, updates, total, structure.unflatten(keys))
        return updates, DifferentiallyPrivateAggregateState(key)

    return Transform(init, update)
