"""Changes by chance: any change in a share of the draws, colours a little."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from assay import _check
from assay.augment._blend import adjust_brightness, adjust_contrast, adjust_saturation
from assay.augment._hue import adjust_hue
from assay.augment._pixels import grey_or_colours, restored, units
from assay.typing import Array, Key, Scalar, Shaped

CHANGES = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)


def random_apply(
    image: Shaped[Array, "h w c"],
    change: Callable[[Array], Array],
    *,
    key: Key,
    probability: Scalar = 0.5,
) -> Shaped[Array, "h w c"]:
    """change(image) in a share `probability` of the draws, else image.

    What is itself random is given its own key: ``lambda x: cutout(x, 8, key=other)``.

    >>> image = jnp.full((1, 1, 3), 0.25)
    >>> negative = lambda x: 1 - x
    >>> y = random_apply(image, negative, key=jax.random.key(0), probability=1.0)
    >>> y.ravel().tolist()
    [0.75, 0.75, 0.75]
    """
    _check.rank_at_least("random_apply", "image", image, 3, "(h, w, c)")
    _check.within("random_apply", "probability", probability, 0, 1)
    image = jnp.asarray(image)
    changed = change(image)
    _check.same_shape("random_apply", image=image, changed=changed)
    chance = jax.random.uniform(key, (), jnp.float32)
    return jnp.where(chance < jnp.asarray(probability, jnp.float32), changed, image)


def color_jitter(
    image: Shaped[Array, "h w c"],
    *,
    key: Key,
    brightness: Scalar = 0.0,
    contrast: Scalar = 0.0,
    saturation: Scalar = 0.0,
    hue: Scalar = 0.0,
) -> Shaped[Array, "h w c"]:
    """Brightness, contrast, saturation and hue changed a little, in random order.

    The factors of the first three are uniform in max(0, 1 − limit) … 1 + limit, the
    turn of the hue in −hue … hue (a share of the circle, at most ½). What has the
    limit 0 is left out, and does not ask for three channels.

    >>> image = jnp.full((1, 1, 3), 0.25)
    >>> y = color_jitter(image, key=jax.random.key(0), brightness=0.5)
    >>> bool((0.125 <= y.min()) & (y.max() <= 0.375))
    True

    torchvision.transforms.ColorJitter.
    """
    x = units("color_jitter", image)
    limits = (brightness, contrast, saturation, hue)
    names = ("brightness", "contrast", "saturation", "hue")
    for name, limit in zip(names, limits, strict=True):
        _check.within("color_jitter", name, limit, 0, 0.5 if name == "hue" else 1e9)
    taken = [i for i, limit in enumerate(limits) if not _is_zero(limit)]
    if not taken:
        return jnp.asarray(image)
    _colours(x, {names[i] for i in taken})
    of_order, of_factor = jax.random.split(key)
    # One draw for each of the four, so that a limit does not change the others'.
    draws = jax.random.uniform(of_factor, (4,), jnp.float32)
    branches = [_by(CHANGES[i], draws[i], limits[i]) for i in taken]
    order = jax.random.permutation(of_order, jnp.arange(len(taken), dtype=jnp.int32))
    y, _ = lax.scan(lambda x, i: (lax.switch(i, branches, x), None), x, order)
    return restored(y, jnp.result_type(image))


def _colours(x: Array, taken: set[str]) -> None:
    """What is changed says how many channels there must be."""
    if "hue" in taken and x.shape[-1] != 3:
        must = "image must have 3 channels where hue changes"
        _check.fail("color_jitter", must, f"image.shape={x.shape}")
    if taken - {"brightness"}:
        grey_or_colours("color_jitter", x)


def _is_zero(limit: Scalar) -> bool:
    return isinstance(limit, (int, float)) and limit == 0


def _by(change: Callable, draw: Array, limit: Scalar) -> Callable[[Array], Array]:
    """The change by a number of its range; `draw` is in [0, 1)."""
    limit = jnp.asarray(limit, draw.dtype)
    low, high = jnp.maximum(1 - limit, 0), 1 + limit
    if change is adjust_hue:
        low, high = -limit, limit
    by = low + (high - low) * draw
    return lambda x: change(x, by.astype(x.dtype))
