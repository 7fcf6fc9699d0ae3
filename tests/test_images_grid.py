"""What is special to grids: edges, infinity, exact identities."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import images

MODES = ("nearest", "linear", "cubic")


def drawn(*shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(0, scale, shape)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_the_identity_gives_the_image(mode, align_corners):
    """To the rounding of the places; exactly where the nearest pixel is read."""
    x = jnp.asarray(drawn(37, 50, 2), jnp.float32)
    grid = images.affine_grid(jnp.eye(2, 3), (37, 50), align_corners=align_corners)
    how = dict(mode=mode, padding_mode="border", align_corners=align_corners)
    y = jax.jit(lambda x, grid: images.grid_sample(x, grid, **how))(x, grid)
    np.testing.assert_allclose(y, x, atol=0 if mode == "nearest" else 5e-5)


def test_a_grid_may_point_to_infinity_or_nowhere():
    """Zeros or the border there, NaN where a coordinate is; no other place minds."""
    x = jnp.arange(1.0, 7.0).reshape(2, 3, 1)
    far = jnp.array([[[jnp.inf, 0.5], [1e30, 0.5], [jnp.nan, 0.5], [0.0, 0.5]]])

    @jax.jit
    def every(x, far):
        kinds = product(MODES, ("zeros", "border"))
        how = [dict(mode=m, padding_mode=p) for m, p in kinds]
        return [images.grid_sample(x, far, **h)[0, :, 0] for h in how]

    for y, edge in zip(every(x, far), [0.0, 6.0] * 3, strict=True):
        assert np.isnan(y[2]) and np.isfinite(y[3])
        if edge == 0.0:
            assert y[:2].tolist() == [0.0, 0.0]
        else:
            np.testing.assert_allclose(y[:2], y[0])
            assert y[0] > 5


def test_an_infinite_pixel_does_not_reach_what_lies_outside():
    """torch multiplies zeros of the outside with no pixel, and so do we."""
    x = jnp.full((2, 2, 1), jnp.inf)
    outside = jnp.full((1, 1, 2), 3.0)
    assert images.grid_sample(x, outside).item() == 0.0


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_nothing_moves_at_the_border(mode):
    """On the last pixel's centre and beyond it, as in torch, the slope is 0."""
    x = jnp.asarray(drawn(5, 1), jnp.float32)
    how = dict(mode=mode, padding_mode="border", align_corners=True)
    grid = jnp.array([[-3.0], [-1.0], [1.0], [4.0]])
    if mode == "cubic":  # whose slope is continuous
        grid = jnp.array([[-3.0], [-2.1], [2.1], [4.0]])
    slope = jax.jit(jax.grad(lambda g: images.grid_sample(x, g, **how).sum()))(grid)
    np.testing.assert_allclose(slope, 0, atol=1e-6)


def test_reflections_far_away_keep_their_side():
    """A million periods out the fold is where it is nearby."""
    x = jnp.arange(4.0).reshape(4, 1)
    near = jnp.array([[0.25], [0.75], [1.25], [-1.25]])
    far = near + 4.0 * 2**18
    how = dict(mode="nearest", padding_mode="reflection")
    a, b = (images.grid_sample(x, g, **how) for g in (near, far))
    assert np.array_equal(a, b)


def test_a_pixel_that_is_read_twice_takes_both_gradients():
    x = jnp.zeros((1, 2, 1))
    grid = jnp.array([[[-0.5, 0.0], [-0.5, 0.0], [0.0, 0.0]]])
    slope = jax.grad(lambda x: images.grid_sample(x, grid).sum())(x)
    assert slope.ravel().tolist() == [2.5, 0.5]


def test_half_precision_is_sampled_in_float32():
    x = jnp.asarray(drawn(4, 6, 3), jnp.bfloat16)
    grid = jnp.asarray(drawn(5, 7, 2, seed=1), jnp.float32)
    wide = images.grid_sample(x.astype(jnp.float32), grid)
    assert np.array_equal(images.grid_sample(x, grid), wide.astype(jnp.bfloat16))


def test_what_does_not_fit_says_so():
    x, grid = jnp.ones((2, 4, 5, 3)), jnp.ones((2, 6, 7, 2))
    with pytest.raises(ValueError, match="grid_sample: x must be .* same batch"):
        images.grid_sample(x[0], grid)
    with pytest.raises(ValueError, match="same batch"):
        images.grid_sample(x, grid[:1])
    with pytest.raises(ValueError, match="not empty"):
        images.grid_sample(x[:, :0], grid)
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        images.grid_sample(x, grid, mode="bilinear")
    with pytest.raises(ValueError, match="affine_grid: theta must be"):
        images.affine_grid(jnp.eye(3), (4, 5))
    with pytest.raises(TypeError, match="grid_sample: x must be floating point"):
        images.grid_sample(x.astype(jnp.int32), grid)
