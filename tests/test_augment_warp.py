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


def test_a_tilted_image_is_pillows():
    """PIL.Image.transform reads the same pixels, its places counted from the corner."""
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is the peer")
    image = np.random.default_rng(2).random((9, 13)).astype(np.float32)
    m = np.array([[0.8, 0.1, 0.3], [-0.1, 0.7, 0.2], [0.02, -0.01, 1.0]])
    centre = np.array([[1, 0, 6.5], [0, 1, 4.5], [0, 0, 1]])
    corner = centre @ m @ np.linalg.inv(centre)
    how = (pillow.Transform.PERSPECTIVE, (corner / corner[2, 2]).ravel()[:8])
    theirs = pillow.fromarray(image).transform(
        (13, 9), *how, pillow.Resampling.BILINEAR
    )
    warp = jax.jit(augment.warp_perspective)
    got = warp(image[..., None], jnp.float32(m))[..., 0]
    inside = warp(jnp.ones((9, 13, 1)), jnp.float32(m))[..., 0] > 0.999
    assert inside.sum() > 80
    # Pillow rounds places of an image of float32.
    np.testing.assert_allclose(got[inside], np.asarray(theirs)[inside], atol=1e-4)
    affine = m[:2]
    np.testing.assert_allclose(
        warp(image[..., None], jnp.float32(np.vstack([affine, [0, 0, 1]]) * 3)),
        augment.warp_affine(image[..., None], jnp.float32(affine)),
        atol=1e-5,
    )


def test_on_the_horizon_nothing_is_seen():
    """Where the third number is 0 the place is far outside, and slopes are finite."""
    m = jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    seen = lambda x, m: augment.warp_perspective(x, m).sum()  # noqa: E731
    value, slopes = jax.jit(jax.value_and_grad(seen, (0, 1)))(jnp.ones((3, 5, 1)), m)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((value, slopes)))


def test_corners_come_inward_and_may_be_swept(key):
    """Scale 0 is the image; 0.6 keeps its middle and loses some of its edge."""
    image = jnp.ones((20, 30, 1))
    one = lambda s: augment.random_perspective(image, s, key=key)[..., 0]  # noqa: E731
    plain, tilted = jax.jit(jax.vmap(one))(jnp.array([0.0, 0.6]))
    np.testing.assert_allclose(plain, 1.0, atol=1e-5)
    assert (tilted[8:12, 11:19] > 0.999).all()
    assert tilted.sum() < 600
    assert not np.array_equal(tilted, tilted[:, ::-1])


@pytest.mark.parametrize(
    "change",
    [lambda x, k: augment.random_rotation(x, 0.0, key=k)]
    + [lambda x, k: augment.random_affine(x, key=k)]
    + [lambda x, k: augment.random_perspective(x, 0.0, key=k)],
    ids=["random_rotation", "random_affine", "random_perspective"],
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
    with pytest.raises(ValueError, match=r"matrix must have the shape \(3, 3\)"):
        augment.warp_perspective(IMAGE, jnp.eye(2, 3))
    with pytest.raises(ValueError, match=r"distortion_scale must be in \[0, 1\]"):
        augment.random_perspective(IMAGE, 1.5, key=key)
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
