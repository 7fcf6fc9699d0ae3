"""Multi-head attention: the weights, the heads, self- and cross-attention.

`project_qkv`, an attention over heads and `merge_heads` are the three pieces, and
`multi_head_attention` is one line of them: whatever is done to queries and keys
(rotation, norms) or between them (bias, windows, dropout) stands between the pieces.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from assay import _check
from assay.layers._dense_general import dense_general
from assay.layers._dot_product_attention import dot_product_attention
from assay.typing import Array, Bool, Float


class AttentionParams(NamedTuple):
    """The weights of attention with n heads of size h over k heads of keys, k | n."""

    q_kernel: Float[Array, "d n h"]
    k_kernel: Float[Array, "m k h"]
    v_kernel: Float[Array, "m k h"]
    out_kernel: Float[Array, "n h o"]
    q_bias: Float[Array, "n h"] | None = None
    k_bias: Float[Array, "k h"] | None = None
    v_bias: Float[Array, "k h"] | None = None
    out_bias: Float[Array, " o"] | None = None


def project_qkv(
    x: Float[Array, "*batch t d"],
    params: AttentionParams,
    memory: Float[Array, "*batch s m"] | None = None,
) -> tuple[
    Float[Array, "*batch t n h"],
    Float[Array, "*batch s k h"],
    Float[Array, "*batch s k h"],
]:
    """(x Wq + bq, m Wk + bk, m Wv + bv), in heads; m is `memory`, or x without one.

    >>> params = AttentionParams(
    ...     jnp.ones((6, 4, 2)), jnp.ones((6, 2, 2)), jnp.ones((6, 2, 2)),
    ...     jnp.ones((4, 2, 6)))
    >>> [y.shape for y in project_qkv(jnp.ones((5, 6)), params)]
    [(5, 4, 2), (5, 2, 2), (5, 2, 2)]
    """
    who = "project_qkv"
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    memory = x if memory is None else memory
    sequence(who, "x", x, params.q_kernel)
    for kernel in (params.k_kernel, params.v_kernel):
        sequence(who, "memory", memory, kernel)
    q = dense_general(x, params.q_kernel, params.q_bias)
    k = dense_general(memory, params.k_kernel, params.k_bias)
    return q, k, dense_general(memory, params.v_kernel, params.v_bias)


def merge_heads(
    x: Float[Array, "*batch n h"], params: AttentionParams
) -> Float[Array, "*batch o"]:
    """Σₙₕ x[…, n, h] · Wo[n, h] + bo: the heads' results as one vector.

    >>> params = AttentionParams(*[jnp.ones((6, 4, 2))] * 3, jnp.ones((4, 2, 6)))
    >>> merge_heads(jnp.ones((5, 4, 2)), params).shape
    (5, 6)
    """
    if jnp.shape(x)[-2:] != jnp.shape(params.out_kernel)[:2]:
        must = "x must be (*batch, heads, size), as the first axes of params.out_kernel"
        kernel = f"params.out_kernel.shape={jnp.shape(params.out_kernel)}"
        _check.fail("merge_heads", must, f"x.shape={jnp.shape(x)}, {kernel}")
    return dense_general(x, params.out_kernel, params.out_bias, ndim=2)


def multi_head_attention(
    x: Float[Array, "*batch t d"],
    params: AttentionParams,
    *,
    mask: Bool[Array, "..."] | None = None,
    is_causal: bool = False,
    rotate: Callable[[Array, Array], Array] | None = None,
    attend: Callable[..., Array] = dot_product_attention,
) -> Float[Array, "*batch t o"]:
    """Σₙ softmax(qₙ kₙᵀ / √h) vₙ Woₙ + bo, with q, k, v of x: self-attention.

    `mask`, which broadcasts to (*batch, n, t, t), is True where a key takes part.
    `rotate(q or k, positions)` turns both (`rotary_halves` with its frequencies).
    `attend(q, k, v, mask=, is_causal=)` is any attention over heads: a `partial` of
    `dot_product_attention` has a bias, a window or another scale, and a function of
    yours may normalize q and k before.

    >>> params = AttentionParams(*[jnp.ones((2, 1, 2))] * 3, jnp.ones((1, 2, 2)))
    >>> x = jnp.array([[1.0, 0.0], [3.0, 0.0]])
    >>> multi_head_attention(x, params, is_causal=True).round(2).tolist()
    [[2.0, 2.0], [6.0, 6.0]]

    Vaswani et al. 2017, arXiv:1706.03762; grouped heads: Ainslie et al. 2023.
    """
    sequence("multi_head_attention", "x", x, params.q_kernel)
    q, k, v = project_qkv(x, params)
    if rotate is not None:
        positions = jnp.arange(q.shape[-3], dtype=jnp.int32)
        q, k = rotate(q, positions), rotate(k, positions)
    return merge_heads(attend(q, k, v, mask=mask, is_causal=is_causal), params)


def cross_attention(
    x: Float[Array, "*batch t d"],
    memory: Float[Array, "*batch s m"],
    params: AttentionParams,
    *,
    mask: Bool[Array, "..."] | None = None,
    attend: Callable[..., Array] = dot_product_attention,
) -> Float[Array, "*batch t o"]:
    """Σₙ softmax(qₙ kₙᵀ / √h) vₙ Woₙ + bo, with q of x, and k and v of `memory`.

    `mask`, which broadcasts to (*batch, n, t, s), is True where a key takes part.

    >>> params = AttentionParams(*[jnp.ones((2, 1, 2))] * 3, jnp.ones((1, 2, 2)))
    >>> cross_attention(jnp.ones((3, 2)), jnp.ones((5, 2)), params).shape
    (3, 2)

    Vaswani et al. 2017, arXiv:1706.03762.
    """
    sequence("cross_attention", "x", x, params.q_kernel)
    sequence("cross_attention", "memory", memory, params.k_kernel)
    q, k, v = project_qkv(x, params, memory)
    return merge_heads(attend(q, k, v, mask=mask), params)


def sequence(who: str, name: str, x: Array, kernel: Array) -> None:
    """A sequence of features, one for each row of the kernel, which has heads."""
    if jnp.ndim(kernel) != 3:
        must = "kernels of attention must have the axes (features, heads, size)"
        _check.fail(who, must, f"kernel.shape={jnp.shape(kernel)}")
    if jnp.ndim(x) < 2 or jnp.shape(x)[-1] != jnp.shape(kernel)[0]:
        must = f"{name} must be (*batch, time, features), a feature a row of the kernel"
        got = f"{name}.shape={jnp.shape(x)}, kernel.shape={jnp.shape(kernel)}"
        _check.fail(who, must, got)
