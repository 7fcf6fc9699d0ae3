"""Scaled dot-product attention, written out: what the heads attend with for now."""

import jax.numpy as jnp

from assay import activations
from assay.layers._precision import wide
from assay.typing import Array, Bool, Float, Scalar


def dot_product_attention(
    query: Float[Array, "*batch t n h"],
    key: Float[Array, "*batch s k h"],
    value: Float[Array, "*batch s k h"],
    bias: Float[Array, "..."] | None = None,
    mask: Bool[Array, "..."] | None = None,
    *,
    scale: Scalar | None = None,
    is_causal: bool = False,
) -> Float[Array, "*batch t n h"]:
    """softmax(q kᵀ · scale + bias) v; a row without any key gives 0."""
    groups = query.shape[-2] // key.shape[-2]
    k, v = (jnp.repeat(a, groups, axis=-2) for a in (key, value))
    most = wide(query.dtype)
    logits = jnp.einsum("...tnh,...snh->...nts", query, k, preferred_element_type=most)
    logits = logits * (query.shape[-1] ** -0.5 if scale is None else scale)
    if bias is not None:
        logits = logits + jnp.broadcast_to(bias, logits.shape).astype(most)
    seen = jnp.ones(logits.shape[-2:], bool)
    seen = jnp.broadcast_to(jnp.tril(seen) if is_causal else seen, logits.shape)
    if mask is not None:
        seen = seen & jnp.broadcast_to(mask, logits.shape)
    # Finite, or its gradient would be inf - inf; and 0 where no key takes part.
    low = jnp.finfo(logits.dtype).min
    weights = activations.softmax(jnp.where(seen, logits, low))
    weights = jnp.where(seen, weights, 0).astype(value.dtype)
    return jnp.einsum("...nts,...snh->...tnh", weights, v)
