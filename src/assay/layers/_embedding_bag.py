"""Embeddings of many ids at once, of padding, and the table as the last layer."""

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._embedding import embedding
from assay.layers._precision import product, wide
from assay.typing import Array, Bool, Float, Int


def padded_embedding(
    ids: Int[Array, "..."], table: Float[Array, "vocabulary features"], *, padding: int
) -> Float[Array, "... features"]:
    """table[ids]; the row `padding` has no gradient, so that it stays as it is.

    torch's `padding_idx`. Its `max_norm` is `max_norm(rows, limit=..., axis=-1)`.

    >>> f = lambda table: padded_embedding(jnp.array([1, 0]), table, padding=0).sum()
    >>> jax.grad(f)(jnp.ones((2, 1))).tolist()
    [[0.0], [1.0]]

    torch `nn.Embedding(padding_idx=)`.
    """
    size = jnp.shape(table)[0]
    _check.within("padded_embedding", "padding", padding, 0, size - 1)
    rows = embedding(ids, table)
    is_padding = jnp.broadcast_to((jnp.asarray(ids) == padding)[..., None], rows.shape)
    return jnp.where(is_padding, jax.lax.stop_gradient(rows), rows)


def embedding_bag(
    ids: Int[Array, "*batch n"],
    table: Float[Array, "vocabulary features"],
    weights: Float[Array, "*batch n"] | None = None,
    *,
    mask: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch features"]:
    """Σₙ weightₙ · table[idₙ] over those that take part; an empty bag is 0.

    >>> embedding_bag(jnp.array([1, 1, 0]), jnp.array([[1.0], [5.0]])).tolist()
    [11.0]

    torch `nn.EmbeddingBag(mode="sum")`, bags of one size with a mask.
    """
    rows, takes_part = _bag("embedding_bag", ids, table, mask)
    rows = rows.astype(wide(rows.dtype))
    if weights is not None:
        _check.same_shape("embedding_bag", ids=ids, weights=weights)
        share = jnp.asarray(weights, rows.dtype)[..., None]
        rows = rows * jnp.broadcast_to(share, rows.shape)
    y = jnp.sum(jnp.where(takes_part, rows, 0), axis=-2)
    return y.astype(jnp.result_type(table))


def embedding_bag_mean(
    ids: Int[Array, "*batch n"],
    table: Float[Array, "vocabulary features"],
    *,
    mask: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch features"]:
    """mean of table[idₙ] over those that take part; an empty bag is 0.

    >>> embedding_bag_mean(jnp.array([1, 1, 0]), jnp.array([[1.0], [4.0]])).tolist()
    [3.0]

    torch `nn.EmbeddingBag(mode="mean")`.
    """
    rows, takes_part = _bag("embedding_bag_mean", ids, table, mask)
    total = jnp.sum(jnp.where(takes_part, rows, 0).astype(wide(rows.dtype)), axis=-2)
    count = jnp.maximum(jnp.sum(takes_part, axis=-2, dtype=jnp.int32), 1)
    return (total / count.astype(total.dtype)).astype(rows.dtype)


def embedding_bag_max(
    ids: Int[Array, "*batch n"],
    table: Float[Array, "vocabulary features"],
    *,
    mask: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch features"]:
    """max of table[idₙ] over those that take part; an empty bag is 0.

    >>> embedding_bag_max(jnp.array([1, 1, 0]), jnp.array([[1.0], [4.0]])).tolist()
    [4.0]

    torch `nn.EmbeddingBag(mode="max")`.
    """
    rows, takes_part = _bag("embedding_bag_max", ids, table, mask)
    low = jnp.where(takes_part, rows, -jnp.inf)
    most = jnp.max(low, axis=-2, initial=-jnp.inf)
    return jnp.where(jnp.any(takes_part, axis=-2), most, 0)


def attend(
    x: Float[Array, "*batch features"], table: Float[Array, "vocabulary features"]
) -> Float[Array, "*batch vocabulary"]:
    """x · tableᵀ: logits by the table that embeds the ids, tied.

    >>> attend(jnp.array([1.0, 2.0]), jnp.array([[3.0, 0.0], [0.0, 4.0]])).tolist()
    [3.0, 8.0]

    Press and Wolf 2016, arXiv:1608.05859; Flax `Embed.attend`.
    """
    _check.floating("attend", x=x, table=table)
    return product("attend", x, jnp.transpose(table)).astype(jnp.result_type(x))


def multi_hot(
    ids: Int[Array, "*batch n"],
    size: int,
    *,
    mask: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch size"]:
    """1 at every id that takes part, however often, 0 elsewhere.

    An id outside [0, size) raises ValueError where it is known, else it adds nothing.

    >>> multi_hot(jnp.array([2, 0, 2]), 4).tolist()
    [1.0, 0.0, 1.0, 0.0]

    Keras `multi_hot`.
    """
    _check.integer("multi_hot", ids=ids)
    _check.rank_at_least("multi_hot", "ids", ids, 1, "(*batch, n)")
    _check.indices("multi_hot", "ids", ids, size)
    ids = jnp.asarray(ids).astype(jnp.int32)
    shape = (*ids.shape, size)
    places = jax.lax.broadcasted_iota(jnp.int32, shape, len(shape) - 1)
    hit = places == jnp.broadcast_to(ids[..., None], shape)
    if mask is not None:
        hit = hit & jnp.broadcast_to(_mask("multi_hot", ids, mask)[..., None], shape)
    return jnp.any(hit, axis=-2).astype(float)


def _bag(who: str, ids: Array, table: Array, mask: Array | None) -> tuple[Array, Array]:
    """The rows, and which of them take part, of the same shape."""
    _check.rank_at_least(who, "ids", ids, 1, "(*batch, n)")
    rows = embedding(ids, table)
    there = jnp.ones(jnp.shape(ids), bool) if mask is None else _mask(who, ids, mask)
    return rows, jnp.broadcast_to(there[..., None], rows.shape)


def _mask(who: str, ids: Array, mask: Array) -> Array:
    _check.same_shape(who, ids=ids, mask=mask)
    return jnp.asarray(mask, bool)
