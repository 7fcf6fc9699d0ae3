"""Mixup, cutmix, changes by chance, and resized crops: their ends and their errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import augment
from assay.augment import _mix

IMAGE = np.random.default_rng(0).random((7, 9, 3)).astype(np.float32)
BATCH = np.stack([np.full((4, 4, 1), i, np.uint8) for i in range(6)])
LABELS = np.eye(6, dtype=np.float32)


@pytest.mark.parametrize("mix", [augment.mixup, augment.cutmix])
def test_alpha_0_mixes_nothing(key, mix):
    """λ = 1: images and labels are those that came in, bit for bit."""
    images = BATCH.astype(np.float32)
    x, y = jax.jit(lambda *a: mix(*a, key=key, alpha=0.0))(images, LABELS)
    assert (x == images).all()
    assert (y == LABELS).all()


@pytest.mark.parametrize("mix", [augment.mixup, augment.cutmix])
def test_an_empty_batch_and_a_batch_of_one(key, mix):
    """No image gives no image; one image meets itself only."""
    images = BATCH.astype(np.float32)
    none, one = (slice(0), slice(3, 4))
    both = jax.jit(lambda *a: [mix(*(x[s] for x in a), key=key) for s in (none, one)])
    (x, y), (same, label) = both(images, LABELS)
    assert (x.shape, y.shape) == ((0, 4, 4, 1), (0, 6))
    np.testing.assert_allclose(same, images[3:4], rtol=1e-6)
    np.testing.assert_allclose(label, LABELS[3:4], rtol=1e-6)


def test_alpha_may_be_traced_and_tells_how_much_is_mixed(key):
    """A small alpha leaves nearly all images alone, a large one makes halves."""
    images = BATCH.astype(np.float32)
    labels = lambda a: augment.mixup(images, LABELS, key=key, alpha=a)[1]  # noqa: E731
    y = np.asarray(jax.jit(jax.vmap(labels))(jnp.array([1e-3, 1e4])))
    strongest = y.max(2)
    mixed = (y > 0).sum(2) == 2
    assert ((strongest[0] > 0.99) | (strongest[0] == 1)).all()
    assert mixed[1].any()
    assert np.abs(strongest[1][mixed[1]] - 0.5).max() < 0.02


def test_shares_have_betas_distribution(key):
    """Kolmogorov and Smirnov's distance from SciPy's, each alpha at 21 places."""
    stats = pytest.importorskip("scipy.stats", reason="SciPy is the oracle")
    n, alphas = 40_000, np.array([0.05, 0.2, 0.5, 1.0, 3.0, 100.0], np.float32)
    draw = jax.vmap(lambda k, a: _mix._beta("beta", k, n, a))
    shares = np.asarray(jax.jit(draw)(jax.random.split(key, len(alphas)), alphas))
    assert np.isfinite(shares).all()
    assert ((shares >= 0) & (shares <= 1)).all()
    for alpha, drawn in zip(alphas.tolist(), shares, strict=True):
        places = stats.beta.ppf(np.linspace(0, 1, 23)[1:-1], alpha, alpha)
        places = places[(places > 1e-30) & (places < 1 - 1e-6)]
        seen = (drawn[:, None] <= places).mean(0)
        off = np.abs(seen - stats.beta.cdf(places, alpha, alpha)).max()
        assert off < 1.63 / n**0.5, f"{alpha=}: {off}"  # one in a hundred


def test_cutmix_moves_bytes(key):
    """Integer images stay as they are; the labels count their pixels."""
    x, y = augment.cutmix(BATCH, LABELS, key=key)
    assert x.dtype == jnp.uint8
    shares = [[(one == i).mean() for i in range(6)] for one in np.asarray(x)]
    np.testing.assert_allclose(y, shares, atol=1e-6)


def test_labels_that_are_numbers_of_classes_are_refused(key):
    """Only shares can be mixed; and there are as many labels as images."""
    with pytest.raises(TypeError, match="cutmix: labels must be floating point"):
        augment.cutmix(BATCH, np.arange(6), key=key)
    with pytest.raises(TypeError, match="mixup: images must be floating point"):
        augment.mixup(BATCH, LABELS, key=key)
    with pytest.raises(ValueError, match="cutmix: images and labels must have one"):
        augment.cutmix(BATCH, LABELS[:5], key=key)
    with pytest.raises(ValueError, match=r"mixup: alpha must be in \[0, inf\]"):
        augment.mixup(LABELS, LABELS, key=key, alpha=-1.0)


def test_a_jitter_of_nothing_is_the_image(key):
    """Limits of 0 leave the image alone, of any number of channels."""
    assert augment.color_jitter(IMAGE[..., :2], key=key) is not None
    assert (augment.color_jitter(IMAGE, key=key) == IMAGE).all()
    hue = augment.color_jitter(IMAGE, key=key, hue=jnp.zeros(()))
    np.testing.assert_allclose(hue, IMAGE, atol=1e-6)


def test_jitter_takes_both_orders(key):
    """Clipping tells whether the brightness or the contrast came first."""
    image = jnp.array([0.0, 1.0]).reshape(1, 2, 1)
    jitter = lambda k: augment.color_jitter(image, key=k, brightness=1.0, contrast=1.0)  # noqa: E731
    got = np.asarray(jax.jit(jax.vmap(jitter))(jax.random.split(key, 300)))[..., 0]
    # Black stays black if the contrast was raised last, or the brightness alone.
    low, high = got[:, 0, 0], got[:, 0, 1]
    assert 0 <= got.min() <= got.max() <= 1
    first_dark = (high < 1) & (low == 0)
    assert first_dark.any()
    assert ((low > 0) & (high == 1)).any()


def test_jitter_of_bytes_is_rounded_once(key):
    """Bytes stay bytes, and are the rounded jitter of the floating image."""
    image = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    limits = {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.1}
    one, two = jax.jit(
        lambda a, b: tuple(augment.color_jitter(x, key=key, **limits) for x in (a, b))
    )(image, image.astype(np.float32) / 255)
    assert one.dtype == jnp.uint8
    assert np.abs(np.asarray(one) - 255 * np.asarray(two)).max() < 0.51


@pytest.mark.parametrize("size", [(3, 4), (14, 13), (7, 9), (1, 20)])
def test_the_whole_image_is_resized_as_by_torch(key, size):
    """Where the rectangle is the image it is torch's antialiased interpolate."""
    torch = pytest.importorskip("torch", reason="torch is the peer")
    image = np.random.default_rng(1).random((7, 9, 2))
    whole = {"area": (1.0, 1.0), "ratio": (9 / 7, 9 / 7)}
    with jax.enable_x64(True):
        crop = lambda x: augment.random_resized_crop(x, size, key=key, **whole)  # noqa: E731
        got = jax.jit(crop)(image)
    rows = torch.tensor(image).permute(2, 0, 1)[None]
    expected = torch.nn.functional.interpolate(
        rows, size, mode="bilinear", antialias=True, align_corners=False
    )
    expected = expected[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(got, expected, atol=1e-10)


def test_a_rectangle_that_fits_nowhere_is_the_middle(key):
    """Ten vain draws give the largest part in the middle, of the nearest ratio."""
    image = np.arange(6.0, dtype=np.float32).reshape(1, 6, 1).repeat(2, 0)
    shape = {"area": (1.0, 1.0), "ratio": (1.0, 1.0)}
    got = augment.random_resized_crop(image, 2, key=key, **shape)
    np.testing.assert_allclose(got[..., 0], [[2.0, 3.0]] * 2)
    got = augment.random_resized_crop(image.swapaxes(0, 1), 2, key=key, **shape)
    np.testing.assert_allclose(got[..., 0], [[2.0] * 2, [3.0] * 2])


def test_crops_and_chances_refuse_what_cannot_be(key):
    """Sizes below one, chances above one, changes that change the shape."""
    with pytest.raises(ValueError, match="size must be at least 1; got 0"):
        augment.random_resized_crop(IMAGE, 0, key=key)
    with pytest.raises(ValueError, match=r"probability must be in \[0, 1\]; got 1.5"):
        augment.random_apply(IMAGE, augment.invert, key=key, probability=1.5)
    with pytest.raises(ValueError, match="image and changed must have the same shape"):
        augment.random_apply(IMAGE, lambda x: x[:1], key=key)
    with pytest.raises(ValueError, match=r"hue must be in \[0, 0.5\]; got 0.6"):
        augment.color_jitter(IMAGE, key=key, hue=0.6)
    with pytest.raises(ValueError, match="color_jitter: image must have 3 channels"):
        augment.color_jitter(IMAGE[..., :1], key=key, hue=0.1)
    with pytest.raises(ValueError, match="color_jitter: image must have 1 or 3"):
        augment.color_jitter(IMAGE[..., :2], key=key, contrast=0.1)
