"""Penalties over a parameter tree."""

import re
from collections.abc import Callable
from math import prod

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.typing import Array, Float, PyTree, Scalar


def _matching(who: str, params: PyTree, pattern: str) -> list[Array]:
    """The leaves whose path, such as dense/kernel, has a match of `pattern`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    paths = [jax.tree_util.keystr(p, simple=True, separator="/") for p, _ in leaves]
    pairs = zip(paths, leaves, strict=True)
    found = [jnp.asarray(leaf) for path, (_, leaf) in pairs if re.search(pattern, path)]
    if leaves and not found:
        must = f"matching must find a parameter among {', '.join(paths)}"
        _check.fail(who, must, repr(pattern))
    return found


def _total(f: Callable, leaves: list[Array]) -> Array:
    """Σ f(w) over all leaves, in their dtype if they have one, else in the widest."""
    if not leaves:
        return jnp.zeros(())
    y = jnp.stack([jnp.sum(f(w)) for w in _numerics.widest(*leaves)]).sum()
    return _numerics.narrow(y, leaves[0]) if len({w.dtype for w in leaves}) == 1 else y


def l1_penalty(params: PyTree, *, matching: str = ".*") -> Float[Array, ""]:
    """Σ |w| over the parameters whose path matches the regular expression.

    The derivative at 0 is 0.

    >>> params = {"dense": {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.ones(1)}}
    >>> float(l1_penalty(params, matching="kernel"))
    3.0

    Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x.

    Float32, CPU: within 8 ULP.
    """
    return _total(_numerics.magnitude, _matching("l1_penalty", params, matching))


def l2_penalty(params: PyTree, *, matching: str = ".*") -> Float[Array, ""]:
    """Σ w² over the parameters whose path matches; without the ½ of `l2_loss`.

    >>> params = {"dense": {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.ones(1)}}
    >>> float(l2_penalty(params, matching="kernel"))
    5.0

    Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634.

    Float32, CPU: within 8 ULP.
    """
    return _total(jnp.square, _matching("l2_penalty", params, matching))


def elastic_net_penalty(
    params: PyTree, *, l1: Scalar = 0.01, l2: Scalar = 0.01, matching: str = ".*"
) -> Float[Array, ""]:
    """Σ l1·|w| + l2·w² over the parameters whose path matches.

    The defaults are Keras's. Given activations instead of parameters it is an activity
    penalty. The derivative of |w| at 0 is 0.

    >>> params = {"dense": {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.ones(1)}}
    >>> float(elastic_net_penalty(params, l1=1.0, l2=0.5, matching="kernel"))
    5.5

    Zou and Hastie 2005, doi:10.1111/j.1467-9868.2005.00503.x.

    Float32, CPU: within 8 ULP.
    """
    who = "elastic_net_penalty"
    _check.within(who, "l1", l1, 0, jnp.inf)
    _check.within(who, "l2", l2, 0, jnp.inf)

    def term(w):
        a, b = jnp.asarray(l1, w.dtype), jnp.asarray(l2, w.dtype)
        return a * _numerics.magnitude(w) + b * jnp.square(w)

    return _total(term, _matching(who, params, matching))


def orthogonal_penalty(params: PyTree, *, matching: str = ".*") -> Float[Array, ""]:
    """‖WᵀW − I‖² over the kernels W whose path matches: 0 if columns are orthonormal.

    W is (inputs, units); the leading axes of a convolution's kernel count as inputs.
    What has fewer than two axes, such as a bias, is left out. With more units than
    inputs the least value is units − inputs, and not 0.

    >>> params = {"kernel": jnp.array([[1.0, 1.0], [0.0, 1.0]]), "bias": jnp.ones(2)}
    >>> float(orthogonal_penalty(params))
    3.0

    Bansal et al. 2018, arXiv:1810.09102, "soft orthogonality".

    Float32, CPU: within 8 ULP of Σ (|W|ᵀ|W| + I)².
    """
    leaves = _matching("orthogonal_penalty", params, matching)
    return _total(_apart, [w for w in leaves if w.ndim > 1])


def _apart(w: Array) -> Array:
    """(WᵀW − I)², entry by entry."""
    w = w.reshape(prod(w.shape[:-1]), w.shape[-1])
    gram = jnp.matmul(w.T, w, precision=jax.lax.Precision.HIGHEST)
    return jnp.square(gram - jnp.eye(w.shape[-1], dtype=w.dtype))
