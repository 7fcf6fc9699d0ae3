"""Activations in pieces, gates and waves: corners, limits, NaN, wrong arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations as a

INF, NAN = np.inf, np.nan
TOP = float(np.finfo(np.float32).max)
PIECES = {  # name: (value at -∞, at ∞), (slope at -∞, at ∞), {corner: slope}
    "relu6": ((0, 6), (0, 0), {0: 0, 6: 0}),
    "leaky_relu": ((-INF, INF), (0.01, 1), {0: 1}),
    "rrelu_inference": ((-INF, INF), (11 / 48, 1), {0: 1}),
    "squared_relu": ((0, INF), (0, INF), {0: 0}),
    "star_relu": ((-0.4472, INF), (0, INF), {0: 0}),
    "elu": ((-1, INF), (0, 1), {0: 1}),
    "celu": ((-1, INF), (0, 1), {0: 1}),
    "selu": ((-1.7580993, INF), (0, 1.0507010), {0: 1.7580993}),
    "hard_sigmoid": ((0, 1), (0, 0), {-3: 0, 3: 0, 1: 1 / 6}),
    "hard_silu": ((0, INF), (0, 1), {-3: 0, 3: 1, -1.5: 0}),
    "hard_tanh": ((-1, 1), (0, 0), {-1: 1, 1: 1}),
    "hard_mish": ((0, INF), (0, 1), {-2: 0, 0: 1, -1: 0}),
    "hard_shrink": ((-INF, INF), (1, 1), {-0.5: 0, 0.5: 0}),
    "soft_shrink": ((-INF, INF), (1, 1), {-0.5: 0, 0.5: 0}),
    "sparse_plus": ((0, INF), (0, 1), {-1: 0, 1: 1, 0: 0.5}),
    "sparse_sigmoid": ((0, 1), (0, 0), {-1: 0, 1: 0}),
    "gaussian": ((0, 0), (0, 0), {0: 0}),
    "soft_cap": ((-30, 30), (0, 0), {0: 1}),
    "step": ((0, 1), (0, 0), {0: 0}),
    "sign": ((-1, 1), (0, 0), {0: 0}),
}


@pytest.mark.parametrize("name", PIECES)
def test_limits_corners_and_nan(name):
    """As stated at every corner; NaN in value and slope, forward and reverse."""
    (low, high), (left, right), corners = PIECES[name]
    f, x = getattr(a, name), np.array([-INF, INF, NAN, *corners], np.float32)

    @jax.jit
    def found(x):
        back = jax.vmap(jax.grad(f))(x)
        return f(x), back, jax.jvp(f, (x,), (jnp.ones_like(x),))[1]

    value, back, forward = found(x)
    np.testing.assert_allclose(value[:3], [low, high, NAN], rtol=1e-6)
    expected = [left, right, NAN, *corners.values()]
    np.testing.assert_allclose(back, expected, rtol=1e-6)
    np.testing.assert_allclose(forward, expected, rtol=1e-6)


def test_hard_gates_end_at_zero():
    """jax.nn.hard_silu(-∞) is NaN, and its slope."""
    ends = a.hard_silu(np.float32([-INF, -TOP])), a.hard_mish(np.float32([-INF, -TOP]))
    assert not np.any(ends) and np.signbit(ends).all()


def test_half_precision_is_float32_rounded_once():
    """Every bfloat16: value and slope of some of several roundings, in one program."""
    x = jax.lax.bitcast_convert_type(jnp.arange(65536, dtype=jnp.uint16), jnp.bfloat16)
    x = x[jnp.isfinite(x)]
    fs = a.celu, a.hard_silu, a.star_relu, a.leaky_relu

    @jax.jit
    def both(x):
        one = jnp.ones_like(x)
        return [jax.jvp(f, (x,), (one,)) for f in fs]

    mine, true = both(x), both(x.astype(jnp.float32))
    for got, wide in zip(mine, true, strict=True):
        for g, w in zip(got, wide, strict=True):
            np.testing.assert_array_equal(g, w.astype(jnp.bfloat16))


def test_slopes_whose_factors_are_subnormal():
    """λα eˣ at −87.5 and 2x e^(−x²) at 9.35 are normal numbers."""
    x = np.float32([-87.5, 9.35])
    got = [jax.grad(f)(v) for f, v in zip((a.selu, a.gaussian), x, strict=True)]
    wide = x.astype(np.float64)
    expected = 1.0507009873554805 * 1.6732632423543773 * np.exp(wide[0])
    np.testing.assert_allclose(got[0], expected, rtol=1e-6)
    expected = -2 * wide[1] * np.exp(-(wide[1] ** 2))
    np.testing.assert_allclose(got[1], expected, rtol=1e-6)


def test_star_relu_at_its_root():
    """The sum cancels to 1e-8 of its terms, and has all its digits."""
    x = np.float32(np.sqrt(0.5)) + np.float32(2.0**-24) * np.arange(-4, 5)
    x = x.astype(np.float32)
    expected = 0.8944 * (x.astype(np.float64) ** 2 - 0.5)
    np.testing.assert_allclose(jax.jit(a.star_relu)(x), expected, rtol=2e-7)
    assert a.star_relu(jnp.float32(2), 0.0, 0.5) == 0.5  # a scale that is 0


def test_a_slope_of_zero_is_relu_and_can_be_learned():
    """0 · -∞ is 0 here; the gradient of the slope is x below 0."""
    assert a.leaky_relu(jnp.float32(-INF), 0.0) == 0
    grads = jax.grad(a.leaky_relu, (0, 1))(jnp.float32(-3), 0.0)
    assert grads == (0, -3)


def test_step_meets_its_threshold_where_a_difference_does_not():
    """Infinity at infinity fires; two numbers a subnormal apart are two."""
    assert a.step(jnp.float32(INF), INF) == 1
    low, high = np.float32(2.0**-126), np.float32(1.5 * 2.0**-126)
    assert a.step(low, high) == 0 and a.step(high, low) == 1
    assert np.isnan(a.step(jnp.float32(1), NAN))
    assert np.isnan(jax.grad(a.step)(NAN))


def test_soft_cap_learns_its_cap():
    """tanh u − u sech² u, 0 at infinity's 1; a small x passes as it is."""
    x = np.float32([-45.0, INF, 1.3e-38])
    by_x, by_cap = jax.jit(jax.vmap(jax.grad(a.soft_cap, (0, 1)), (0, None)))(x, 30.0)
    u = np.float64(-1.5)
    np.testing.assert_allclose(by_cap, [np.tanh(u) - u / np.cosh(u) ** 2, 1, 0], 1e-6)
    np.testing.assert_allclose(by_x, [1 / np.cosh(u) ** 2, 0, 1], 1e-6)
    assert a.soft_cap(x)[2] == x[2]


def test_snake_and_sine_learn_their_frequency():
    """x cos(ωx), and x sin(2αx)/α − sin²(αx)/α²."""
    x = np.float32(0.7)
    np.testing.assert_allclose(jax.grad(a.sine, 1)(x, 3.0), 0.7 * np.cos(2.1), 1e-6)
    expected = 0.7 * np.sin(4.2) / 3 - np.sin(2.1) ** 2 / 9
    np.testing.assert_allclose(jax.grad(a.snake, 1)(x, 3.0), expected, 1e-6)


def test_rrelu_draws_every_slope_anew(key):
    """The key decides; a slope for every entry; positive numbers keep theirs."""
    x = -jnp.ones(50)
    y, again = a.rrelu(x, key=key), a.rrelu(x, key=jax.random.key(1))
    assert len(set(y.tolist())) == 50 and not set(y.tolist()) & set(again.tolist())
    slopes = jax.grad(lambda x: a.rrelu(x, key=key).sum())(x)
    np.testing.assert_allclose(slopes, y / x, rtol=1e-6)


def test_maxout_shares_the_slope_of_equals():
    """One half each; NaN wins its group."""
    x = np.float32([1, 1, 0, 5, NAN, 2])
    y = a.maxout(x, pieces=3)
    np.testing.assert_array_equal(y, [1, NAN])
    slopes = jax.grad(lambda x: a.maxout(x, pieces=3)[0])(x)
    np.testing.assert_array_equal(slopes[:3], [0.5, 0.5, 0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: a.glu(x), r"glu: the size of axis -1 must be even; got x.shape="),
        (lambda x: a.swiglu(x, 2), r"swiglu: axis must name an axis of x \(rank 2\)"),
        (lambda x: a.maxout(x, pieces=2), r"maxout: the size of axis 1 must be a mul"),
        (lambda x: a.celu(x, 0.0), "celu: alpha must be positive; got 0.0"),
        (lambda x: a.soft_cap(x, -1), "soft_cap: cap must be positive; got -1"),
        (lambda x: a.soft_shrink(x, -1), r"soft_shrink: threshold must be in \[0, "),
        (lambda x: a.rrelu_inference(x, lower=2), "lower must be at most upper; got 2"),
        (lambda x: a.step_sigmoid(x, steepness=0), "steepness must be positive; got 0"),
        (lambda x: a.norm(x, p=0.5), "norm: p must be a Python number of at least 1"),
        (lambda x: a.normalize(x, eps=-1.0), r"normalize: eps must be in \[0, "),
        (lambda x: a.standardize(x, algorithm="fats"), "Did you mean 'fast'"),
        (lambda x: a.sparsemax(x, 5), "sparsemax: axis must name an axis of x"),
        (
            lambda x: a.gumbel_softmax(x, temperature=0, key=jax.random.key(0)),
            "gumbel_softmax: temperature must be positive; got 0",
        ),
    ],
)
def test_wrong_arguments_are_named(call, words):
    """Who, what must hold, what came."""
    with pytest.raises(ValueError, match=words):
        call(jnp.ones((2, 3)))


def test_numbers_that_are_traced_pass():
    """A sweep over alpha, cap and steepness compiles."""

    @jax.jit
    def sweep(c):
        fs = a.celu, a.soft_cap, a.soft_shrink, a.leaky_relu, a.star_relu
        return [f(jnp.ones(2), c) for f in fs] + [a.step_sigmoid(c, steepness=c)]

    assert all(np.isfinite(y).all() for y in sweep(0.5))
