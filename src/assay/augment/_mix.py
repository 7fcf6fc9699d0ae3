"""Two examples of a batch made one, and their labels with them: mixup, cutmix."""

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.augment._rectangle import inside
from assay.typing import Array, Float, Key, Scalar, Shaped


def mixup(
    images: Float[Array, "n ..."],
    labels: Float[Array, "n ..."],
    *,
    key: Key,
    alpha: Scalar = 0.2,
) -> tuple[Float[Array, "n ..."], Float[Array, "n ..."]]:
    """λᵢ xᵢ + (1 − λᵢ) x_π(i), the labels alike; λᵢ from Beta(alpha, alpha).

    π is a random order of the batch, λ another number for each example; alpha 0 mixes
    nothing, and 1 makes all λ as likely. Labels are shares of classes (one-hot), not
    their numbers. The default is the paper's for ImageNet.

    >>> images, labels = jnp.ones((4, 2, 2, 1)), jnp.eye(4)
    >>> x, y = mixup(images, labels, key=jax.random.key(0))
    >>> x.shape, bool(jnp.allclose(y.sum(-1), 1.0))
    ((4, 2, 2, 1), True)

    Zhang et al. 2018, arXiv:1710.09412.
    """
    images, labels = _batch("mixup", images, labels)
    _check.floating("mixup", images=images)
    of_share, of_order = jax.random.split(key)
    share = 1 - _beta("mixup", of_share, len(images), alpha)
    order = _order(of_order, len(images))
    return _mixed(images, order, share), _mixed(labels, order, share)


def cutmix(
    images: Shaped[Array, "n h w c"],
    labels: Float[Array, "n ..."],
    *,
    key: Key,
    alpha: Scalar = 1.0,
) -> tuple[Shaped[Array, "n h w c"], Float[Array, "n ..."]]:
    """xᵢ with x_π(i) in a rectangle; the labels by the share of pixels of each.

    The rectangle is a share 1 − λᵢ of the image in its proportions, λᵢ from
    Beta(alpha, alpha), around a random pixel; what lies outside is cut off. π is a
    random order of the batch. Labels are shares of classes (one-hot). alpha 0 mixes
    nothing; the default is the paper's.

    >>> images, labels = jnp.ones((4, 2, 2, 1)), jnp.eye(4)
    >>> x, y = cutmix(images, labels, key=jax.random.key(0))
    >>> x.shape, bool(jnp.allclose(y.sum(-1), 1.0))
    ((4, 2, 2, 1), True)

    Yun et al. 2019, arXiv:1905.04899.
    """
    images, labels = _batch("cutmix", images, labels)
    _check.rank_at_least("cutmix", "images", images, 4, "(n, h, w, c)")
    of_share, of_order, of_place = jax.random.split(key, 3)
    n, h, w, _ = images.shape
    order = _order(of_order, n)
    side = jnp.sqrt(1 - _beta("cutmix", of_share, n, alpha))
    size = jnp.array([[h, w]], jnp.int32)
    extent = jnp.round(side[:, None] * size.astype(side.dtype)).astype(jnp.int32)
    centre = jax.random.randint(of_place, (n, 2), 0, size, jnp.int32)
    corner = centre - extent // 2
    cut = jax.vmap(lambda c, e: inside((h, w), *c, *e))(corner, extent)
    y = jnp.where(cut, images[order], images)
    return y, _mixed(labels, order, jnp.mean(cut, (1, 2, 3), jnp.float32))


def _batch(who: str, images: Array, labels: Array) -> tuple[Array, Array]:
    """Both as arrays: as many labels as images, in shares of classes."""
    _check.floating(who, labels=labels)
    images, labels = jnp.asarray(images), jnp.asarray(labels)
    if images.shape[:1] != labels.shape[:1]:
        got = f"images.shape={images.shape}, labels.shape={labels.shape}"
        _check.fail(who, "images and labels must have one first axis", got)
    return images, labels


def _order(key: Key, n: int) -> Array:
    return jax.random.permutation(key, jnp.arange(n, dtype=jnp.int32))


def _beta(who: str, key: Key, n: int, alpha: Scalar) -> Array:
    """λ of each example, 1 where alpha is 0; float32 with and without x64.

    G·U^(1/α) / (G·U^(1/α) + G′·V^(1/α)) of gammas of α + 1, whose share G / (G + G′)
    is ½ + ½ √(1 − T^(2/(2α+1))) cos 2πW (Ulrich 1984): no loop, where two gammas of
    `jax.random` take seven times as long to compile, and twelve to run.
    """
    _check.within(who, "alpha", alpha, 0, float("inf"))
    alpha = jnp.asarray(alpha, jnp.float32)
    some = jnp.where(alpha > 0, alpha, 1)
    t, w, u, v = jax.random.uniform(key, (4, n), jnp.float32)
    t, u, v = (jnp.log1p(-one) for one in (t, u, v))  # of 1 − uniform, which is not 0
    off = jnp.sqrt(-jnp.expm1(t * (2 / (2 * some + 1)))) * jnp.cos(2 * jnp.pi * w)
    # In log odds, where small powers do not underflow.
    odds = jnp.log1p(off) - jnp.log1p(-off) + (u - v) / some
    return jnp.where(alpha > 0, 1 / (1 + jnp.exp(-odds)), 1)


def _mixed(x: Array, order: Array, share: Array) -> Array:
    """(1 − share) of each and `share` of its partner, rounded once."""
    wide = _numerics.wide(x)
    share = jnp.reshape(share.astype(wide.dtype), (-1,) + (1,) * (x.ndim - 1))
    return _numerics.narrow((1 - share) * wide + share * wide[order], x)
