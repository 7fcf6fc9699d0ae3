"""Colours of images: bytes as PIL has them, derivatives at the corners, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import augment, verify

BYTES = np.random.default_rng(0).integers(20, 231, (40, 42, 3)).astype(np.uint8)


def peer(change):
    """What PIL makes of the bytes."""
    image = pytest.importorskip("PIL.Image", reason="PIL is the peer for bytes")
    return np.asarray(change(image.fromarray(BYTES)), np.int32)


def off(ours, theirs):
    """The greatest difference of two images of bytes."""
    assert ours.dtype == jnp.uint8
    return np.abs(np.asarray(ours, np.int32) - theirs).max()


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [("invert", (), ()), ("equalize", (), ()), ("posterize", (3,), (3,))]
    + [("posterize", (8,), (8,)), ("solarize", (0.5,), (128,))],
)
def test_bytes_are_those_of_pil(name, ours, theirs):
    """Inverted, equalized, posterized and solarized bytes are PIL's, bit for bit."""
    ops = pytest.importorskip("PIL.ImageOps", reason="PIL is the peer for bytes")
    expected = peer(lambda x: getattr(ops, name)(x, *theirs))
    assert off(getattr(augment, name)(BYTES, *ours), expected) == 0


def test_auto_contrast_is_pils():
    """Bytes differ by one at most: PIL cuts off, we round."""
    ops = pytest.importorskip("PIL.ImageOps", reason="PIL is the peer for bytes")
    assert off(augment.auto_contrast(BYTES), peer(ops.autocontrast)) <= 1


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [("adjust_brightness", "Brightness"), ("adjust_contrast", "Contrast")]
    + [("adjust_saturation", "Color"), ("adjust_sharpness", "Sharpness")],
)
def test_blends_are_those_of_pil(name, theirs, factor):
    """Bytes differ by the rounding of PIL's plain images, which are bytes too."""
    enhance = pytest.importorskip("PIL.ImageEnhance", reason="the peer for bytes")
    expected = peer(lambda x: getattr(enhance, theirs)(x).enhance(factor))
    assert off(getattr(augment, name)(BYTES, factor), expected) <= 1 + (factor != 1)


def test_a_full_turn_of_the_hue_changes_nothing():
    """The hue is a circle, and thirds of a turn move the channels."""
    image = jnp.asarray(BYTES, jnp.float32) / 255
    np.testing.assert_allclose(augment.adjust_hue(image, 1.0), image, atol=1e-6)
    third = augment.adjust_hue(image, 1 / 3)
    np.testing.assert_allclose(third, jnp.roll(image, 1, -1), atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    "change",
    [lambda x: augment.adjust_hue(x, 0.2), augment.auto_contrast, augment.equalize],
    ids=["adjust_hue", "auto_contrast", "equalize"],
)
def test_a_grey_constant_image_has_finite_slopes(change, level):
    """Where hue and contrast are 0/0 the image stays and gradients are finite."""
    image = jnp.full((3, 4, 3), level)
    y, back = jax.vjp(change, image)
    np.testing.assert_allclose(y, image, atol=1 / 255)
    assert np.isfinite(back(jnp.ones_like(y))[0]).all()


def test_factors_may_be_traced_and_swept():
    """vmap over a factor gives an image for each, within [0, 1]."""
    image = jnp.asarray(BYTES, jnp.float32) / 255
    many = jax.vmap(lambda f: augment.adjust_contrast(image, f))(jnp.arange(3.0))
    assert many.shape == (3, *image.shape)
    assert 0 <= many.min() <= many.max() <= 1
    assert many[0].std() < 1e-6 < many[1].std() < many[2].std()


def test_few_bits_may_be_traced():
    """Every number of bits from one program; all of them change nothing."""
    many = jax.jit(jax.vmap(lambda b: augment.posterize(BYTES, b)))(jnp.arange(9))
    assert [len(np.unique(x)) for x in many[:3]] == [1, 2, 4]
    assert (many[8] == BYTES).all()


def test_sixteen_bits_are_white_at_65535():
    """Integers of another width mean the same image."""
    wide = BYTES.astype(np.uint16) * 257
    for f in (augment.invert, augment.equalize, augment.auto_contrast):
        y = f(wide)
        assert y.dtype == jnp.uint16
        assert np.abs(np.asarray(y) / 257 - np.asarray(f(BYTES), float)).max() < 0.51


@pytest.mark.parametrize("name", ["adjust_contrast", "adjust_saturation"])
def test_four_channels_have_no_luma(name):
    """RGBA is refused with the shape."""
    with pytest.raises(ValueError, match=rf"{name}: image must have 1 or 3 channels"):
        getattr(augment, name)(jnp.ones((2, 2, 4)), 0.5)


def test_clahe_is_kerass():
    """The layer's numbers, also where tiles go beyond the image."""
    pytest.importorskip("keras", reason="Keras is the peer")
    verify.keras_optimizer("Adam")  # imports it on JAX
    import keras

    x = BYTES.astype(np.float32)
    name = "ContrastLimitedAdaptiveHistogramEqualization"
    for clip_limit, grid in ((4.0, (8, 8)), (1.5, (3, 5))):
        layer = getattr(keras.layers, name)((0, 255), clip_limit, grid, "channels_last")
        theirs = np.asarray(layer(x))
        ours = augment.clahe(BYTES, clip_limit=clip_limit, grid=grid)
        assert ours.dtype == jnp.uint8
        assert np.abs(np.asarray(ours) - theirs).max() < 0.51


def test_limits_of_clahe():
    """0 changes nothing; one tile without limit gives ranks; it sweeps."""
    image = np.random.default_rng(1).random((33, 31, 1)).astype(np.float32) / 2
    change = lambda limit: augment.clahe(image, clip_limit=limit, grid=(1, 1))  # noqa: E731
    none, some, whole = jax.jit(jax.vmap(change))(jnp.array([0.0, 2.0, jnp.inf]))
    np.testing.assert_allclose(none, np.round(image * 255) / 255, atol=1e-5)
    assert none.max() < some.max() < whole.max() == 1
    levels = np.round(image * 255).ravel()
    rank = np.searchsorted(np.sort(levels), levels, "right") - (levels == 0).sum()
    expected = rank / (levels > 0).sum()
    np.testing.assert_allclose(whole.ravel(), expected, atol=1e-5)
    flat = augment.clahe(np.full((9, 9, 3), 77, np.uint8), clip_limit=0.0)
    assert (flat == 77).all()


def test_other_errors_name_the_argument():
    """Rank, channels, factors, thresholds and bits out of range."""
    with pytest.raises(ValueError, match="invert: image must have at least 3 axes"):
        augment.invert(jnp.ones((2, 2)))
    with pytest.raises(ValueError, match="adjust_hue: image must have 3 channels"):
        augment.adjust_hue(jnp.ones((2, 2, 1)), 0.5)
    with pytest.raises(ValueError, match=r"factor must be in \[0, inf\]; got -1"):
        augment.adjust_brightness(jnp.ones((2, 2, 1)), -1.0)
    with pytest.raises(ValueError, match=r"threshold must be in \[0, 1\]; got 128"):
        augment.solarize(BYTES, 128)
    with pytest.raises(ValueError, match=r"clahe: clip_limit must be in \[0, inf\]"):
        augment.clahe(BYTES, clip_limit=-1.0)
    with pytest.raises(ValueError, match="clahe: grid must be at least 1 by 1"):
        augment.clahe(BYTES, grid=(0, 2))
    with pytest.raises(ValueError, match=r"bits must be in \[0, 16\]; got -1"):
        augment.posterize(BYTES, -1)
