"""Images: similarity at equality and in flat regions, noise, variation; arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import losses

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(2, 8, 9, 1)).astype(np.float32)
WINDOW = {"window": 5, "sigma": 1.0}


def test_equal_images_have_no_loss_and_finite_derivatives():
    """ssim 1, its loss 0, psnr ∞ with gradient 0, and forward mode agrees."""

    def total(x):
        noise = losses.psnr(x, jnp.asarray(X))
        finite = jnp.where(jnp.isinf(noise), 0, noise)
        loss = losses.ssim_loss(x, jnp.asarray(X), **WINDOW)
        return jnp.sum(finite + loss + losses.total_variation(x)), (noise, loss)

    @jax.jit
    def orders(x):
        (slope, aux), one = jax.grad(total, has_aux=True)(x), jnp.ones_like(x)
        return slope, aux, jax.jvp(lambda x: total(x)[0], (x,), (one,))[1]

    slope, (noise, loss), forward = orders(jnp.asarray(X))
    assert np.isfinite(slope).all()
    np.testing.assert_allclose(forward, slope.sum(), atol=1e-4)
    assert noise.tolist() == [np.inf, np.inf] and loss.tolist() == [0, 0]
    assert losses.ssim(jnp.asarray(X), jnp.asarray(X), **WINDOW).tolist() == [1, 1]


def test_a_flat_bright_image_keeps_its_variance():
    """Where E x² − (E x)² of float32 would have no digit, on the scale of bytes."""
    noise = np.round(RNG.normal(size=(2, 8, 8, 1)) * 64) / 256

    def loss(pair):
        return losses.ssim_loss(pair[0], pair[1], max_val=255.0, **WINDOW)

    got = jax.jit(loss)(jnp.asarray(250 + noise, "float32"))
    with jax.enable_x64(True):
        expected = jax.jit(loss)(jnp.asarray(250 + noise)).item()
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_half_precision_is_rounded_once():
    """float16 images give the float32 result of those numbers, rounded."""
    x, y = jnp.asarray(X, "float16"), jnp.asarray(X[::-1], "float16")
    for f in (losses.psnr, lambda x, y: losses.ssim(x, y, **WINDOW)):
        run = jax.jit(f)
        exact = run(x.astype("float32"), y.astype("float32"))
        np.testing.assert_array_equal(run(x, y), exact.astype("float16"))


def test_wrong_arguments_are_named():
    """Ranks, sizes, ranges and dtypes."""
    x = jnp.zeros((8, 8, 1))
    with pytest.raises(ValueError, match="ssim: height and width must be at least"):
        losses.ssim(x, x)
    with pytest.raises(ValueError, match="ssim_loss: max_val must be positive; got 0"):
        losses.ssim_loss(x, x, max_val=0)
    with pytest.raises(ValueError, match="psnr: predictions must have at least 3"):
        losses.psnr(x[0], x[0])
    with pytest.raises(TypeError, match="total_variation: images must be floating"):
        losses.total_variation(x.astype(int))
