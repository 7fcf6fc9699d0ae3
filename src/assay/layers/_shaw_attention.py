"""Shaw's relative positions: a learned vector for how far a key is."""

from typing import NamedTuple

import jax.numpy as jnp

from assay import _check
from assay.layers._dot_product_attention import attention_weights, dot_product_attention
from assay.typing import Array, Bool, Float


class ShawParams(NamedTuple):
    """One vector for each distance −c … c, c = (r − 1)/2, shared by all heads."""

    k_table: Float[Array, "r h"]
    v_table: Float[Array, "r d"]


def shaw_attention(
    q: Float[Array, "*batch t n h"],
    k: Float[Array, "*batch s k h"],
    v: Float[Array, "*batch s k d"],
    params: ShawParams,
    *,
    mask: Bool[Array, "..."] | None = None,
    is_causal: bool = False,
) -> Float[Array, "*batch t n d"]:
    """yₜ = Σₛ wₜₛ (vₛ + aᵛᵣ), wₜₛ = softmaxₛ(qₜ·(kₛ + aᵏᵣ)/√h), r = clip(s − t, −c, c).

    All else is as in `dot_product_attention`. Every share is held: n · t · s numbers.

    >>> q = jnp.zeros((2, 1, 1))
    >>> params = ShawParams(jnp.zeros((3, 1)), jnp.array([[-1.0], [0.0], [1.0]]))
    >>> shaw_attention(q, q, q, params)[:, 0, 0].tolist()
    [0.5, -0.5]

    Shaw, Uszkoreit and Vaswani 2018, arXiv:1803.02155.
    """
    reach, odd = divmod(jnp.shape(params.k_table)[0], 2)
    if not odd or jnp.shape(params.v_table)[0] != 2 * reach + 1:
        must = "the tables must have one row for each of an odd number of distances"
        got = f"{jnp.shape(params.k_table)}, {jnp.shape(params.v_table)}"
        _check.fail("shaw_attention", must, got)
    t, s = jnp.shape(q)[-3], jnp.shape(k)[-3]
    places = (jnp.arange(n, dtype=jnp.int32) for n in (t, s))
    row, column = jnp.meshgrid(*places, indexing="ij")
    which = jnp.clip(column - row, -reach, reach) + reach
    by_distance = jnp.einsum("...tnh,rh->...ntr", q, params.k_table.astype(q.dtype))
    index = jnp.broadcast_to(which, (*by_distance.shape[:-1], s))
    bias = jnp.take_along_axis(by_distance, index, axis=-1) * jnp.shape(q)[-1] ** -0.5
    y = dot_product_attention(q, k, v, bias, mask, is_causal=is_causal)
    weights = attention_weights(q, k, bias, mask, is_causal=is_causal)
    rows = jnp.arange(2 * reach + 1, dtype=jnp.int32)
    shape = (t, s, rows.size)
    one = jnp.broadcast_to(which[..., None], shape) == jnp.broadcast_to(rows, shape)
    mass = jnp.einsum("...nts,tsr->...tnr", weights, one.astype(weights.dtype))
    return y + (mass @ params.v_table.astype(mass.dtype)).astype(y.dtype)
