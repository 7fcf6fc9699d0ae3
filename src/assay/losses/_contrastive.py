"""Contrastive losses of a batch: what belongs together against all the rest."""

from typing import Any

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import log_softmax, logsumexp, normalize, softplus
from assay.losses._integer_labels import softmax_cross_entropy_with_integer_labels
from assay.losses._reduce import mean
from assay.typing import Array, Float, Int, Scalar


def _similarities(x: Array, y: Array) -> Array:
    """The cosine of every row of x with every row of y, in all digits."""
    rows, columns = normalize(x, eps=0), normalize(y, eps=0)
    return jnp.matmul(rows, columns.T, precision=jax.lax.Precision.HIGHEST)


def _scaled(similarities: Array, temperature: Any) -> Array:
    return similarities / jnp.asarray(temperature, similarities.dtype)


def _batch(who: str, embeddings: Any, labels: Any) -> tuple[Array, Array]:
    """(embeddings, which pairs share a label, oneself included)."""
    _check.floating(who, embeddings=embeddings)
    labels = jnp.asarray(labels)
    if jnp.ndim(embeddings) != 2 or labels.shape != jnp.shape(embeddings)[:1]:
        got = f"embeddings.shape={jnp.shape(embeddings)}, labels.shape={labels.shape}"
        _check.fail(who, "embeddings must be (n, d) and labels (n,)", got)
    same = jnp.expand_dims(labels, 0) == jnp.expand_dims(labels, 1)
    return _numerics.wide(embeddings), same


def _others(same: Array) -> Array:
    """The pairs that are no example with itself."""
    return ~jnp.eye(same.shape[0], dtype=bool)


def ntxent(
    embeddings: Float[Array, "n d"],
    labels: Int[Array, " n"],
    temperature: Scalar = 0.07,
) -> Float[Array, ""]:
    """Mean of log(1 + Σₖ e^(sᵢₖ − sᵢⱼ)) over pairs i ≠ j of one label; k of others.

    s = cosine / temperature. One number for the batch: 0 without such a pair.

    >>> x = jnp.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> round(ntxent(x, jnp.array([0, 0, 1, 1]), temperature=1.0).item(), 4)
    0.5978

    Chen et al. 2020, arXiv:2002.05709.

    Float32, CPU: within 2 ULP of 1 / temperature.
    """
    x, same = _batch("ntxent", embeddings, labels)
    s = _scaled(_similarities(x, x), temperature)
    pairs = same & _others(same)
    rivals = logsumexp(s, -1, where=~same, keepdims=True)
    return _numerics.narrow(mean(softplus(rivals - s), pairs), embeddings)


def _pairs(who: str, **arrays: Any) -> Array:
    """The cosines of every row of one with every row of the other."""
    _check.same_shape(who, **arrays)
    _check.floating(who, **arrays)
    first, second = _numerics.widest(*arrays.values())
    if first.ndim != 2:
        _check.fail(who, "embeddings must be (n, d)", first.shape)
    return _similarities(first, second)


def _at_own(s: Array) -> Array:
    """−log softmax of each row at its own place."""
    return softmax_cross_entropy_with_integer_labels(s, jnp.arange(s.shape[0]))


def info_nce(
    x: Float[Array, "n d"], y: Float[Array, "n d"], *, temperature: Scalar = 0.07
) -> Float[Array, " n"]:
    """−log softmaxⱼ(cos(xᵢ, yⱼ) / temperature) at j = i: yᵢ belongs to xᵢ alone.

    >>> x = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    >>> info_nce(x, 2 * x, temperature=1.0).tolist()
    [0.313..., 0.313...]

    Van den Oord, Li and Vinyals 2018, arXiv:1807.03748.

    Float32, CPU: within 3 ULP of 1 / temperature.
    """
    s = _scaled(_pairs("info_nce", x=x, y=y), temperature)
    return _numerics.narrow(_at_own(s), x)


def clip_loss(
    x: Float[Array, "n d"], y: Float[Array, "n d"], *, temperature: Scalar = 0.07
) -> Float[Array, " n"]:
    """½ (info_nce(x, y) + info_nce(y, x)): images find their texts, and texts theirs.

    >>> x = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    >>> clip_loss(x, 2 * x, temperature=1.0).tolist()
    [0.313..., 0.313...]

    Radford et al. 2021, arXiv:2103.00020.

    Float32, CPU: within 3 ULP of 1 / temperature.
    """
    s = _scaled(_pairs("clip_loss", x=x, y=y), temperature)
    return _numerics.narrow((_at_own(s) + _at_own(s.T)) / 2, x)


def siglip_loss(
    x: Float[Array, "n d"],
    y: Float[Array, "n d"],
    *,
    scale: Scalar = 10.0,
    bias: Scalar = -10.0,
) -> Float[Array, " n"]:
    """−Σⱼ log σ(± (scale · cos(xᵢ, yⱼ) + bias)), + at j = i and − elsewhere.

    Scale and bias are learned; these are where the paper starts.

    >>> x = jnp.array([[1.0, 0.0], [0.0, 1.0]])
    >>> siglip_loss(x, x, scale=1.0, bias=0.0).tolist()
    [1.006..., 1.006...]

    Zhai et al. 2023, arXiv:2303.15343.

    Float32, CPU: within 2 ULP of |scale| + |bias|.
    """
    s = _pairs("siglip_loss", x=x, y=y)
    logits = jnp.asarray(scale, s.dtype) * s + jnp.asarray(bias, s.dtype)
    own = jnp.eye(s.shape[0], dtype=bool)
    costs = softplus(jnp.where(own, -logits, logits))
    return _numerics.narrow(jnp.sum(costs, -1), x)


def supervised_contrastive_loss(
    embeddings: Float[Array, "n d"],
    labels: Int[Array, " n"],
    *,
    temperature: Scalar = 0.1,
) -> Float[Array, " n"]:
    """Mean of −log softmaxⱼ(cos(xᵢ, xⱼ) / temperature), j ≠ i, over j of i's label.

    0 for an example whose label nobody shares.

    >>> x = jnp.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> supervised_contrastive_loss(x, jnp.array([0, 0, 1]), temperature=1.0).tolist()
    [0.313..., 0.313..., 0.0]

    Khosla et al. 2020, arXiv:2004.11362.

    Float32, CPU: within 3 ULP of 1 / temperature.
    """
    x, same = _batch("supervised_contrastive_loss", embeddings, labels)
    others = _others(same)
    s = _scaled(_similarities(x, x), temperature)
    return _numerics.narrow(
        mean(-log_softmax(s, where=others), same & others, axis=-1), embeddings
    )
