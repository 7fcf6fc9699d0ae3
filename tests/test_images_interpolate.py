"""What is special to resizing: torch's numbers, locality, dtypes, identities."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import images
from assay.verify._function import QUICK

# (mode, align_corners, antialias) and torch's name.
KINDS = {
    ("nearest", False, False): "nearest",
    ("nearest_exact", False, False): "nearest-exact",
    ("area", False, False): "area",
    ("linear", False, False): "bilinear",
    ("linear", True, False): "bilinear",
    ("linear", False, True): "bilinear",
    ("linear", True, True): "bilinear",
    ("cubic", False, False): "bicubic",
    ("cubic", True, False): "bicubic",
    ("cubic", False, True): "bicubic",
    ("cubic", True, True): "bicubic",
}


def shapes(count, d, seed=0):
    """(sizes, size) pairs: up, down, the same, and lone pixels."""
    rng = np.random.default_rng(seed)
    pairs = rng.integers(1, 12, (count - 2, 2, d)).tolist()
    return [([5] * d, [5] * d), ([1] * d, [4] * d), *pairs]


def how(kind):
    return dict(zip(("mode", "align_corners", "antialias"), kind, strict=True))


def resized_and_pulled(xs, sizes, kind):
    """Value, and gradient of Σ y², of every image: one program."""

    def one(x, size):
        y, pull = jax.vjp(lambda x: images.interpolate(x, size, **how(kind)), x)
        return y, *pull(2 * y)

    def every(xs):
        return [one(x, size) for x, size in zip(xs, sizes, strict=True)]

    with jax.enable_x64(True):
        program = jax.jit(every, compiler_options=QUICK)
        return jax.device_get(program([jnp.asarray(x) for x in xs]))


def equal_torchs(pairs, kind, theirs):
    torch = pytest.importorskip("torch", reason="torch is an optional peer")
    rng = np.random.default_rng(1)
    xs = [rng.normal(size=(2, *n, 3)) for n, _ in pairs]
    found = resized_and_pulled(xs, [tuple(m) for _, m in pairs], kind)
    for x, (n, m), (y, slope) in zip(xs, pairs, found, strict=True):
        there = torch.tensor(np.moveaxis(x, -1, 1).copy(), requires_grad=True)
        options = {"align_corners": kind[1]} if kind[0] in ("linear", "cubic") else {}
        options |= {"antialias": True} if kind[2] else {}
        expected = torch.nn.functional.interpolate(there, m, mode=theirs, **options)
        (pulled,) = torch.autograd.grad((expected**2).sum(), there)
        for mine, other in ((y, expected.detach()), (slope, pulled)):
            other = np.moveaxis(np.asarray(other), 1, -1)
            note = f"{kind}: {n} to {m}"
            np.testing.assert_allclose(mine, other, 1e-10, 1e-10, err_msg=note)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_images_are_resized_as_by_torch(kind):
    """Ten pairs of sizes for each kind, values and gradients."""
    pairs = shapes(10, 2)
    if kind[2]:  # torch 2.13 repeats the first row of outputs that are one pixel wide
        pairs = [(n, m) for n, m in pairs if m[1] > 1]
    equal_torchs(pairs, kind, KINDS[kind])


@pytest.mark.parametrize("mode, theirs", [("nearest", "nearest"), ("area", "area")])
def test_sequences_are_resized_as_by_torch(mode, theirs):
    equal_torchs(shapes(6, 1, seed=2), (mode, False, False), theirs)


@pytest.mark.parametrize("align_corners", [False, True])
def test_volumes_are_resized_as_by_torch(align_corners):
    pairs = shapes(4, 3, seed=3)
    equal_torchs(pairs, ("linear", align_corners, False), "trilinear")


def test_lanczos_is_jax_images(key):
    """With and without antialias, up and down."""
    x = jax.random.normal(key, (2, 9, 5, 3))
    for antialias in (False, True):
        resize = partial(images.interpolate, mode="lanczos", antialias=antialias)
        ours = jax.jit(lambda x, f=resize: f(x, (4, 11)))(x)
        theirs = jax.image.resize(
            x, (2, 4, 11, 3), "lanczos3", antialias=antialias, precision="highest"
        )
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_the_same_size_is_the_same_image(key):
    x = jax.random.normal(key, (6, 7, 2))
    for kind in [*KINDS, ("lanczos", False, True)]:
        assert np.array_equal(images.interpolate(x, (6, 7), **how(kind)), x), kind


@pytest.mark.parametrize("size", [(16,), (1,)])
def test_a_pixel_reaches_only_what_sees_it(size):
    """NaN in pixel 0 is NaN in the first outputs alone, however many taps there are."""
    x = jnp.zeros((640, 1)).at[0].set(jnp.nan)
    y = images.interpolate(x, size, mode="linear", antialias=True).ravel()
    assert np.isnan(y).tolist() == [True] + [False] * (size[0] - 1)


def test_many_taps_give_the_plain_sum_and_its_second_derivative():
    """80 pixels to 2 by the mean, there and back."""
    x = jnp.linspace(0.0, 1.0, 80)[:, None]
    mean = lambda x: images.interpolate(x, (2,), mode="area")  # noqa: E731
    bend = jax.jvp(jax.grad(lambda x: (mean(x) ** 3).sum()), (x,), (x,))[1]
    halves = x.reshape(2, 40)
    np.testing.assert_allclose(mean(x).ravel(), halves.mean(1), rtol=1e-6)
    expected = np.repeat(6 * np.square(halves.mean(1)) / 40, 40)[:, None]
    np.testing.assert_allclose(bend, expected, rtol=1e-5)


def test_nearest_keeps_every_dtype():
    for x in (jnp.array([[1], [200]], jnp.uint8), jnp.array([[True], [False]])):
        y = images.interpolate(x, (4,))
        assert y.dtype == x.dtype and y.ravel().tolist() == x[:, 0].repeat(2).tolist()


def test_half_precision_is_resized_in_float32(key):
    x = jax.random.normal(key, (5, 6, 3), jnp.bfloat16)
    wide = images.interpolate(x.astype(jnp.float32), (8, 3), mode="cubic")
    ours = images.interpolate(x, (8, 3), mode="cubic")
    assert np.array_equal(ours, wide.astype(jnp.bfloat16))


def test_what_cannot_be_resized_says_so():
    x = jnp.ones((2, 4, 5, 3))
    with pytest.raises(ValueError, match="interpolate: size must have"):
        images.interpolate(x, (0, 3))
    with pytest.raises(ValueError, match="not empty"):
        images.interpolate(x[:, :0], (2, 3))
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        images.interpolate(x, (2, 3), mode="bilinear")
    with pytest.raises(ValueError, match="need mode linear, cubic, lanczos"):
        images.interpolate(x, (2, 3), antialias=True)
    with pytest.raises(TypeError, match="x must be floating point"):
        images.interpolate(x.astype(jnp.int32), (2, 3), mode="linear")
