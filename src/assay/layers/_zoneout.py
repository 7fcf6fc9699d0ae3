"""Zoneout: parts of a recurrent state that stay as they were."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._dropout import keep, pick
from assay.layers._precision import wide
from assay.typing import Array, Key, PyTree, Scalar


def zoneout(previous: PyTree, carry: PyTree, *, rate: Scalar, key: Key) -> PyTree:
    """`previous` with probability `rate`, else `carry`: entry by entry.

    The step is skipped, where dropout would forget: nothing is scaled. Carries are
    arrays or trees of them, such as an `LSTMCarry`; the paper has rate ½ for c and
    0.05 for h, which are two calls. The rate is rounded to 1/65536. At inference
    `zoneout_inference`.

    >>> h = zoneout(jnp.zeros(1000), jnp.ones(1000), rate=0.25, key=jax.random.key(0))
    >>> 200 < int((h == 0).sum()) < 300, 700 < int((h == 1).sum()) < 800
    (True, True)

    Krueger et al. 2017, arXiv:1606.01305.
    """
    old, new = _leaves("zoneout", previous, carry, rate)
    keys = jax.random.split(key, len(old))

    def leaf(k, a, b):
        return pick(keep(k, rate, b.shape)[0], b, a)

    return jax.tree.unflatten(jax.tree.structure(carry), map(leaf, keys, old, new))


def zoneout_inference(previous: PyTree, carry: PyTree, *, rate: Scalar) -> PyTree:
    """rate · previous + (1 − rate) · carry: what `zoneout` gives on average.

    >>> zoneout_inference(jnp.zeros(2), jnp.ones(2), rate=0.25).tolist()
    [0.75, 0.75]

    Krueger et al. 2017, arXiv:1606.01305.
    """
    old, new = _leaves("zoneout_inference", previous, carry, rate)

    def leaf(a, b):
        p = jnp.asarray(rate, wide(b.dtype))
        return (p * a.astype(p.dtype) + (1 - p) * b.astype(p.dtype)).astype(b.dtype)

    return jax.tree.unflatten(jax.tree.structure(carry), map(leaf, old, new))


def _leaves(
    who: str, previous: PyTree, carry: PyTree, rate: Scalar
) -> tuple[list[Array], list[Array]]:
    """The leaves of both, which must have one structure, shape and dtype."""
    _check.within(who, "rate", rate, 0, 1)
    structures = jax.tree.structure(previous), jax.tree.structure(carry)
    if structures[0] != structures[1]:
        must = "previous and carry must be trees of one structure"
        _check.fail(who, must, " and ".join(map(str, structures)))
    old, new = jax.tree.leaves(previous), jax.tree.leaves(carry)
    for a, b in zip(old, new, strict=True):
        _check.floating(who, previous=a, carry=b)
        _check.same_shape(who, previous=a, carry=b)
    return list(map(jnp.asarray, old)), list(map(jnp.asarray, new))
