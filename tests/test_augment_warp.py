"""Warps: torch's values and slopes, quarter turns, directions, order, bytes, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import augment
from assay.augment._warp import affine_matrix

IMAGE = np.random.default_rng(0).random((5, 7, 2))


def matrix(turn=0.0, move=(0.0, 0.0), scale=1.0, shear=0.0):
    """Of degrees and pixels."""
    turn, shear = (jnp.deg2rad(jnp.float32(a)) for a in (turn, shear))
    return affine_matrix(turn, jnp.float32(move), jnp.float32(scale), shear)


@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
@pytest.mark.parametrize("outside", ["zeros", "border", "reflection"])
def test_values_and_slopes_are_torchs(mode, outside):
    """affine_grid and grid_sample in float64, the matrix in shares of the image."""
    torch = pytest.importorskip("torch", reason="torch is the peer")
    m = np.eye(2, 3) + 0.2 * np.random.default_rng(1).standard_normal((2, 3))
    how = {"mode": mode, "padding_mode": outside}
    with jax.enable_x64(True):
        warp = lambda x, m: jnp.sum(jnp.sin(augment.warp_affine(x, m, **how)))  # noqa: E731
        got = jax.jit(jax.value_and_grad(warp, (0, 1)))(IMAGE, m)
    x, a = (torch.tensor(v, requires_grad=True) for v in (IMAGE, m))
    half = torch.tensor([7 / 2, 5 / 2, 1.0], dtype=torch.float64)
    theta = a * half / half[:2, None]
    rows = x.permute(2, 0, 1)[None]
    grid = torch.nn.functional.affine_grid(theta[None], rows.shape, align_corners=False)
    how["mode"] = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    y = torch.nn.functional.grid_sample(rows, grid, align_corners=False, **how)
    y.sin().sum().backward()
    expected = (y.sin().sum(), (x.grad, a.grad))
    for ours, theirs in zip(
        jax.tree.leaves(got), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-10)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_those_of_numpy(turns):
    """Counter-clockwise as it is seen, about the centre, of even and odd sizes."""
    for n in (4, 5):
        image = np.random.default_rng(0).random((n, n, 2)).astype(np.float32)
        got = jax.jit(augment.warp_affine)(image, matrix(turn=90 * turns))
        np.testing.assert_allclose(got, np.rot90(image, turns), atol=1e-5)


def test_movements_go_right_and_down():
    """The move is in pixels, and zeros come in."""
    image = np.float32(IMAGE)
    got = augment.warp_affine(image, matrix(move=(2.0, 1.0)))
    np.testing.assert_allclose(got[1:, 2:], image[:-1, :-2], atol=1e-5)
    assert np.abs(got[0]).max() < 1e-5
    assert np.abs(got[:, :2]).max() < 1e-5


def test_the_matrix_undoes_shear_then_zoom_then_turn_then_move():
    """It is the inverse of move · turn · scale · shear, read from right to left."""
    c, s = np.cos(0.3), np.sin(0.3)
    seen = np.array([[c, s], [-s, c]]) @ (2.5 * np.array([[1, np.tan(0.2)], [0, 1]]))
    got = affine_matrix(*(jnp.float32(v) for v in (0.3, (3.0, -4.0), 2.5, 0.2)))
    expected = np.linalg.inv(np.vstack([np.c_[seen, [3.0, -4.0]], [0, 0, 1]]))[:2]
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "change",
    [lambda x, k: augment.random_rotation(x, 0.0, key=k)]
    + [lambda x, k: augment.random_affine(x, key=k)],
    ids=["random_rotation", "random_affine"],
)
def test_limits_of_0_leave_the_image_and_its_bytes(key, change):
    """Bytes come back bit for bit, so places are known to a fraction of a pixel."""
    image = np.random.default_rng(0).integers(0, 256, (11, 6, 3)).astype(np.uint8)
    got = jax.jit(change)(image, key)
    assert got.dtype == jnp.uint8
    assert (got == image).all()


def test_one_limit_does_not_change_the_other_draws(key):
    """The same key turns by the same angle, whether it also moves or not."""
    turned = augment.random_affine(IMAGE, key=key, degrees=90.0)
    both = augment.random_affine(IMAGE, key=key, degrees=90.0, shear=1e-5)
    np.testing.assert_allclose(turned, both, atol=1e-4)
    assert np.abs(turned - IMAGE).max() > 0.1


def test_limits_may_be_swept(key):
    """vmap over the angle and the factor: an image for each."""
    one = lambda a, s: augment.random_affine(IMAGE, key=key, degrees=a, scale=(s, s))  # noqa: E731
    got = jax.jit(jax.vmap(one))(jnp.array([0.0, 30.0]), jnp.array([1.0, 3.0]))
    np.testing.assert_allclose(got[0], IMAGE, atol=1e-5)
    assert np.abs(got[1] - got[0]).max() > 0.1


def test_errors(key):
    """Ranks, shapes, kinds, limits and names that cannot be."""
    with pytest.raises(ValueError, match=r"matrix must have the shape \(2, 3\)"):
        augment.warp_affine(IMAGE, jnp.eye(2))
    with pytest.raises(TypeError, match="warp_affine: matrix must be floating"):
        augment.warp_affine(IMAGE, jnp.ones((2, 3), jnp.int32))
    with pytest.raises(ValueError, match=r"random_zoom: scale\[0\] must be in"):
        augment.random_zoom(IMAGE, (0.0, 2.0), key=key)
    with pytest.raises(ValueError, match=r"random_rotation: degrees must be in"):
        augment.random_rotation(IMAGE, -5.0, key=key)
    with pytest.raises(ValueError, match="random_affine: image must have at least 3"):
        augment.random_affine(IMAGE[0], key=key)
    with pytest.raises(ValueError, match="mode must be one of"):
        augment.random_shear(IMAGE, 5.0, key=key, mode="bilinear")
