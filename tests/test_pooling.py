"""What is special to pooling: ties, NaN, padding, the lecture's example."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

WINDOWS = [
    ((2, 2), None, "VALID"),
    ((3, 2), None, "VALID"),
    ((3, 3), 1, "VALID"),
    ((3, 2), (2, 1), ((1, 0), (1, 1))),
    ((2,), None, "VALID"),
    ((2, 3, 2), None, "VALID"),
]


def ties(*shape, seed=0):
    """Few different numbers, so that most windows hold their maximum twice."""
    return jnp.asarray(np.random.default_rng(seed).integers(-2, 2, shape), jnp.float32)


def by_definition(x, window, strides, padding, pick):
    """The windows as a list: `pick` chooses from (n, *out, window, c)."""
    rank = len(window)
    pads = padding if isinstance(padding, tuple) else ((0, 0),) * rank
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-jnp.inf)
    strides = window if strides is None else np.broadcast_to(strides, rank)
    sizes = zip(padded.shape[1:-1], window, strides, strict=True)
    out = [(n - k) // s + 1 for n, k, s in sizes]
    taps = []
    for at in np.ndindex(*window):
        axes = zip(at, out, strides, strict=True)
        looks = [slice(i, i + (m - 1) * s + 1, s) for i, m, s in axes]
        taps.append(padded[(slice(None), *looks)])
    return pick(jnp.stack(taps, -2))


def first_largest(taps):
    first = jnp.argmax(taps, axis=-2, keepdims=True)
    return jnp.take_along_axis(taps, first, axis=-2)[..., 0, :]


@pytest.mark.parametrize("channels", [3, 17])
@pytest.mark.parametrize("window, strides, padding", WINDOWS)
def test_the_first_of_equal_maxima_takes_the_gradient(
    window, strides, padding, channels
):
    x = ties(4, *(7, 8, 5)[: len(window)], channels)

    def ours(x):
        return layers.max_pool(x, window, strides=strides, padding=padding)

    def theirs(x):
        return by_definition(x, window, strides, padding, first_largest)

    @jax.jit
    def pulled(x):
        g = jnp.sin(jnp.arange(theirs(x).size, dtype=x.dtype)).reshape(theirs(x).shape)
        return [(f(x), jax.vjp(f, x)[1](g)[0]) for f in (ours, theirs)]

    mine, expected = pulled(x)
    assert np.array_equal(mine[0], expected[0])
    np.testing.assert_allclose(mine[1], expected[1], atol=1e-6)


def test_max_pool_and_its_ties_equal_torch():
    torch = pytest.importorskip("torch", reason="torch is an optional peer")
    x = ties(2, 8, 6, 3)
    there = torch.tensor(np.asarray(x)).permute(0, 3, 1, 2).requires_grad_()
    for window, strides, padding in [((2, 2), (2, 2), 0), ((3, 3), (2, 1), 1)]:
        y = torch.nn.functional.max_pool2d(there, window, strides, padding)
        (slope,) = torch.autograd.grad((y**2).sum(), there)

        def ours(x, w=window, s=strides, p=padding):
            return layers.max_pool(x, w, strides=s, padding=p)

        np.testing.assert_array_equal(ours(x), y.detach().permute(0, 2, 3, 1))
        mine = jax.grad(lambda x, f=ours: (f(x) ** 2).sum())(x)
        np.testing.assert_array_equal(mine, slope.permute(0, 2, 3, 1))


def test_the_lectures_example():
    """L2: 3×3 max pooling with stride 1."""
    x = jnp.array(
        [
            [3.0, 3, 2, 1, 0],
            [0, 0, 1, 3, 1],
            [3, 1, 2, 2, 3],
            [2, 0, 0, 2, 2],
            [2, 0, 0, 0, 1],
        ]
    )
    y = layers.max_pool(x[..., None], (3, 3), strides=1)[..., 0]
    assert y.tolist() == [[3, 3, 3], [3, 3, 3], [3, 2, 3]]


def test_second_derivatives_through_max_pool():
    x = ties(1, 4, 4, 1) + jnp.arange(16.0).reshape(1, 4, 4, 1) / 100

    def loss(x):
        return (layers.max_pool(x, (2, 2)) ** 3).sum()

    h = jax.jit(jax.hessian(loss))(x).reshape(16, 16)
    slope = jax.grad(loss)(x).ravel()
    largest = jnp.where(slope != 0, 6 * x.ravel(), 0)
    np.testing.assert_allclose(h, jnp.diag(largest), atol=1e-5)


def test_not_a_number_is_not_hidden():
    x = ties(2, 4, 4, 3).at[1, 2, 1, 0].set(jnp.nan)
    assert jnp.isnan(layers.max_pool(x, (2, 2))).sum() == 1
    assert jnp.isnan(layers.global_max_pool(x)).sum() == 1


def test_integers_are_pooled_too():
    x = jnp.arange(8).reshape(4, 2)
    assert layers.max_pool(x, (2,)).tolist() == [[2, 3], [6, 7]]


def test_what_is_left_over_gets_no_gradient():
    slope = jax.grad(lambda x: layers.avg_pool(x, (2,)).sum())(jnp.ones((1, 5, 1)))
    assert slope.ravel().tolist() == [0.5, 0.5, 0.5, 0.5, 0.0]


def test_global_pools_are_windows_over_everything():
    x = ties(2, 3, 4, 5)
    np.testing.assert_array_equal(
        layers.global_max_pool(x), layers.max_pool(x, (3, 4))[:, 0, 0]
    )
    np.testing.assert_allclose(
        layers.global_avg_pool(x), layers.avg_pool(x, (3, 4))[:, 0, 0], atol=1e-6
    )


def test_a_batch_of_none():
    empty = jnp.zeros((0, 4, 4, 3))
    for pool in (layers.max_pool, layers.avg_pool):
        assert pool(empty, (2, 2)).shape == (0, 2, 2, 3)
        assert jax.grad(lambda x, f=pool: f(x, (2, 2)).sum())(empty).shape == (
            empty.shape
        )
    for pool in (layers.global_max_pool, layers.global_avg_pool):
        assert pool(empty).shape == (0, 3)


def test_errors_say_what_must_hold():
    x = jnp.zeros((2, 4, 4, 3))
    with pytest.raises(ValueError, match=r"max_pool: window must be a tuple of 1 to 3"):
        layers.max_pool(x, 2)
    with pytest.raises(ValueError, match=r"max_pool: the window .* must fit"):
        layers.max_pool(x, (5, 2))
    with pytest.raises(ValueError, match=r"avg_pool: padding must be smaller"):
        layers.avg_pool(x, (2, 2), padding=2)
    with pytest.raises(ValueError, match=r"global_avg_pool: x must have at least 5"):
        layers.global_avg_pool(x, spatial=4)


def test_what_is_masked_leaks_nowhere():
    """NaN behind the mask: value, reverse and forward derivative are as without it."""
    x = ties(2, 3, 4, 5) + jnp.arange(120.0).reshape(2, 3, 4, 5) / 200
    mask = jnp.arange(24).reshape(2, 3, 4) % 3 > 0
    mask = mask.at[1].set(False)
    hidden = jnp.where(mask[..., None], x, jnp.nan)
    dots = jnp.where(mask[..., None], jnp.cos(x), jnp.nan)
    kept = x[0][mask[0]]
    for pool, truth in (
        (layers.global_max_pool, kept.max(0)),
        (layers.global_avg_pool, kept.mean(0)),
    ):
        y, dy = jax.jvp(lambda x, f=pool: f(x, mask=mask), (hidden,), (dots,))
        np.testing.assert_allclose(y[0], truth, rtol=1e-6)
        assert jnp.isfinite(dy).all()
        assert (y[1] == 0).all() and (dy[1] == 0).all()  # nothing there at all
        slope = jax.grad(lambda x, f=pool: f(x, mask=mask).sum())(hidden)
        assert jnp.isfinite(slope).all() and (slope[~mask] == 0).all()
        np.testing.assert_allclose(slope[0].sum((0, 1)), jnp.ones(5), rtol=1e-5)


def test_norms_of_zeros_have_a_slope():
    slope = jax.grad(lambda x: layers.lp_pool(x, (2,)).sum())
    assert slope(jnp.zeros((4, 1))).ravel().tolist() == [0, 0, 0, 0]
    by_p = jax.grad(lambda p: layers.lp_pool(jnp.ones((4, 1)), (2,), p=p).sum())(3.0)
    np.testing.assert_allclose(by_p, -2 * 2 ** (1 / 3) * np.log(2) / 9, rtol=1e-5)


def test_smallest_integers_are_found():
    """Not by -x, which overflows for the smallest and wraps without a sign."""
    for dtype in (jnp.int8, jnp.uint8):
        low, high = jnp.iinfo(dtype).min, jnp.iinfo(dtype).max
        x = jnp.array([[high], [low], [low], [3]], dtype)
        assert layers.min_pool(x, (2,)).ravel().tolist() == [low, low]


def test_a_dilated_window_that_sees_nothing_is_an_error():
    with pytest.raises(ValueError, match="max_pool: padding must be smaller"):
        layers.max_pool(jnp.zeros((2, 1)), (2,), strides=1, padding=2, dilation=4)


def test_errors_of_the_other_pools():
    x, at = jnp.zeros((2, 4, 4, 3)), jnp.zeros((2, 4, 4, 3), jnp.int32)
    with pytest.raises(ValueError, match="max_unpool: output_size must be within"):
        layers.max_unpool(x, at, (2, 2), output_size=(8, 10))
    with pytest.raises(ValueError, match="max_unpool: output_size must be given"):
        layers.max_unpool(x, at, (2, 2), padding="SAME")
    with pytest.raises(ValueError, match=r"max_unpool: indices must be in \[0, 64\)"):
        layers.max_unpool(x, at + 64, (2, 2))
    with pytest.raises(ValueError, match="adaptive_avg_pool: output_size must be"):
        layers.adaptive_avg_pool(x, (2, 2, 2))
    with pytest.raises(ValueError, match="lp_pool: p must be positive"):
        layers.lp_pool(x, (2, 2), p=0)
    with pytest.raises(ValueError, match="global_max_pool: mask must have the shape"):
        layers.global_max_pool(x, mask=jnp.ones((2, 4), bool))


@pytest.mark.parametrize("size", ["2", 2.5, (2, 2.5), (True, "2"), 0])
@pytest.mark.parametrize("pool", [layers.adaptive_avg_pool, layers.adaptive_max_pool])
def test_sizes_are_whole_numbers(pool, size):
    with pytest.raises(ValueError, match=f"{pool.__name__}: output_size must be"):
        pool(jnp.zeros((4, 4, 3)), size)


@pytest.mark.parametrize("window", [2, (2,) * 4, (), "22", (2, 2.5), (2, 0)])
def test_windows_are_one_to_three_whole_numbers(window):
    """Of what is pooled and of what is put back: the same sentence."""
    x, at = jnp.zeros((2, 4, 4, 4, 4, 3)), jnp.zeros((2, 4, 4, 4, 4, 3), jnp.int32)
    with pytest.raises(ValueError, match="max_pool: window must be a"):
        layers.max_pool(x, window)
    with pytest.raises(ValueError, match="max_unpool: window must be a"):
        layers.max_unpool(x, at, window)


@pytest.mark.parametrize("dtype", [bool, jnp.complex64])
def test_what_has_no_order_is_refused(dtype):
    """Truth and complex numbers, by the function's own name."""
    x = jnp.zeros((2, 4, 4, 3), dtype)
    windowed = "max_pool", "min_pool", "sum_pool", "max_pool_with_indices"
    calls = {name: partial(getattr(layers, name), x, (2, 2)) for name in windowed}
    calls["adaptive_max_pool"] = partial(layers.adaptive_max_pool, x, 2)
    calls["global_max_pool"] = partial(layers.global_max_pool, x)
    at = jnp.zeros(x.shape, jnp.int32)
    calls["max_unpool"] = partial(layers.max_unpool, x, at, (2, 2))
    for name, call in calls.items():
        with pytest.raises(TypeError, match=f"{name}: x must be real numbers; got"):
            call()


def test_counts_of_a_padded_mean_are_not_left_to_xla():
    """Not an image of counts that XLA folds for tens of seconds at compile time."""
    x = jax.ShapeDtypeStruct((8, 512, 512, 32), jnp.float32)

    def f(x):
        return layers.avg_pool(
            x, (9, 9), strides=1, padding="SAME", count_include_pad=False
        )

    assert jax.jit(f).lower(x).as_text().count("reduce_window") == 1
