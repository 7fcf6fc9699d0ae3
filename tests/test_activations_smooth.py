"""What is special about the smooth activations: ends, edges, products, one dispatch."""

import copy
import inspect
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import _numerics, activations, losses

INF, NAN = np.inf, np.nan
ONE_ARRAY = {
    "sigmoid": activations.sigmoid,
    "log_sigmoid": activations.log_sigmoid,
    "softplus": activations.softplus,
    "silu": activations.silu,
    "quick_gelu": activations.quick_gelu,
    "tanh": activations.tanh,
    "gelu": activations.gelu,
    "gelu exact": lambda x: activations.gelu(x, approximate=False),
    "mish": activations.mish,
    "tanh_shrink": activations.tanh_shrink,
    "soft_sign": activations.soft_sign,
    "squareplus": activations.squareplus,
    "exponential": activations.exponential,
    "logit": activations.logit,
    "log1mexp": activations.log1mexp,
    "log_cosh": losses.log_cosh,
}


def orders(f, count):
    """One program that gives f and its derivatives, `count` arrays in all."""
    fs = [f]
    for _ in range(count - 1):
        fs.append(lambda x, g=fs[-1]: jax.jvp(g, (x,), (jnp.ones_like(x),))[1])
    return jax.jit(lambda x: [g(x) for g in fs])


ENDS = {  # name: values, slopes and bends at -∞ and ∞
    "log_sigmoid": ((-INF, 0), (1, 0), (0, 0)),
    "quick_gelu": ((0, INF), (0, 1), (0, 0)),
    "mish": ((0, INF), (0, 1), (0, 0)),
    "tanh_shrink": ((-INF, INF), (1, 1), (0, 0)),
    "soft_sign": ((-1, 1), (0, 0), (0, 0)),
    "squareplus": ((0, INF), (0, 1), (0, 0)),
    "exponential": ((0, INF), (0, INF), (0, INF)),
    "log_cosh": ((INF, INF), (-1, 1), (0, 0)),
    "logit": ((NAN, NAN), (NAN, NAN), (NAN, NAN)),
    "log1mexp": ((NAN, 0), (NAN, 0), (NAN, 0)),
}


@pytest.mark.parametrize("name", ENDS)
def test_ends(name):
    """Value and two derivatives have their limits at -∞ and ∞, and NaN stays NaN."""
    got = orders(ONE_ARRAY[name], 3)(jnp.array([-INF, INF, NAN]))
    for y, ends in zip(got, ENDS[name], strict=True):
        np.testing.assert_array_equal(y, [*ends, NAN])


@pytest.mark.parametrize("name", ONE_ARRAY)
def test_third_derivatives(name):
    """They are those of the second by differences, in float64."""
    with jax.enable_x64(True):
        x = np.array([0.07, 0.3, 0.61, 0.83])
        if name not in ("logit", "log1mexp"):
            x = np.concatenate([x, -x, 5 * x])
        up, down, here = (orders(ONE_ARRAY[name], 4)(x + d) for d in (1e-4, -1e-4, 0))
        slope = (np.asarray(up[2]) - np.asarray(down[2])) / 2e-4
        np.testing.assert_allclose(here[3], slope, rtol=1e-4, atol=1e-7)


def test_ends_of_the_domain_are_limits():
    """logit is ∓∞ at 0 and 1, log1mexp -∞ at 0, both with an infinite slope."""
    y, slope = orders(activations.logit, 2)(jnp.array([0.0, 1.0, -0.1, 1.1]))
    np.testing.assert_array_equal(y, [-INF, INF, NAN, NAN])
    np.testing.assert_array_equal(slope, [INF, INF, NAN, NAN])
    y, slope = orders(activations.log1mexp, 2)(jnp.array([0.0, -0.1, -1000.0]))
    np.testing.assert_array_equal(y, [-INF, NAN, NAN])
    np.testing.assert_array_equal(slope, [INF, NAN, NAN])


@pytest.mark.parametrize(
    ("name", "order", "x", "expected"),
    [  # mpmath; e^x alone is subnormal there, or 2x overflows, or x² does
        ("silu", 0, -91.0, -2.74309646e-38),
        ("mish", 0, -91.0, -2.74309646e-38),
        ("quick_gelu", 1, -53.9, -1.27795767e-38),
        ("tanh", 2, 44.3, -2.65723949e-38),
        ("squareplus", 0, -3e37, 1 / 3e37),
        ("squareplus", 0, 3e38, 3e38),
        ("soft_sign", 2, 4e12, -3.125e-38),
        ("log_cosh", 0, 3.2e38, 3.2e38),
        ("exponential", 0, 88.7, 3.32600026e38),
        ("log1mexp", 0, 87.0, -1.64581143e-38),
    ],
)
def test_normal_results_come_through(name, order, x, expected):
    """No part of a normal result is flushed to 0 or overflows."""
    x = jnp.float32(x)
    exact = {"silu": x, "mish": x}
    got = float(orders(ONE_ARRAY[name], order + 1)(x)[order])
    if name in exact:  # x eˣ at the float32 next to x
        expected = float(x) * np.exp(np.float64(x))
    assert got == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "order", "root", "slope"),
    [  # mpmath
        ("quick_gelu", 1, -0.751154255441288951, 0.370715524),
        ("mish", 1, -1.19243121451549521, 0.266947914),
        ("mish", 2, -2.25637639636079312, 0.0),
        ("mish", 2, 1.49057117948542846, 0.0),
        ("silu", 2, 2.39935728051546767, 0.0),
        ("gelu", 2, 1.41850400879082836, 0.0),
        ("gelu exact", 2, 1.41421356237309505, 0.0),
    ],
)
def test_derivatives_beside_their_roots(name, order, root, slope):
    """f⁽ᵏ⁾(x) / (x − root) is smooth there: it is the same on both sides."""
    near = np.float32(root) + np.spacing(np.float32(root)) * np.arange(-6, 7, 3)
    near = near.astype(np.float32)
    got = np.asarray(orders(ONE_ARRAY[name], order + 1)(near)[order], np.float64)
    got = got / (near.astype(np.float64) - root)
    np.testing.assert_allclose(got, slope or got[0], rtol=3e-6)


def test_swish_beta_by_both_arguments():
    """Wherever β·x ends up: in the tail, beside the root, past an overflow."""
    rng = np.random.default_rng(0)
    beta = np.exp(rng.uniform(-60, 60, 2000)).astype(np.float32)
    u = np.concatenate(
        [rng.uniform(-86, 86, 1000), rng.normal(-1.27846454, 1e-3, 1000)]
    )
    x = (u / beta).astype(np.float32)
    got = jax.jit(jax.vmap(jax.value_and_grad(activations.swish_beta, (0, 1))))(x, beta)
    X, B = x.astype(np.float64), beta.astype(np.float64)
    e = np.exp(-np.abs(X * B))
    share, both = np.where(u < 0, e, 1) / (1 + e), e / (1 + e) ** 2
    slopes = share + X * B * both, X * X * both
    for y, true in zip((got[0], *got[1]), (X * share, *slopes), strict=True):
        normal = (np.abs(true) > 1.2e-38) & (np.abs(true) < 3.4e38)
        np.testing.assert_allclose(y[normal], true[normal], rtol=1e-6)


def test_an_infinite_slope_that_nobody_asked_for_does_no_harm():
    """x² σ′(βx) overflows in float32, and its product with 0 would be NaN."""
    slope = jax.jit(jax.grad(activations.swish_beta))
    assert float(slope(jnp.float32(4e26), jnp.float32(3e-26))) == pytest.approx(1, 1e-4)


def test_squareplus_with_no_bend_is_relu():
    """b = 0; its slope in b is 1/(4√(x² + b)); b < 0 is refused."""
    x = jnp.array([-2.0, 0.0, 3.0])
    assert activations.squareplus(x, 0.0).tolist() == [0, 0, 3]
    by_b = jax.vmap(jax.grad(activations.squareplus, 1), (0, None))(x, 5.0)
    np.testing.assert_allclose(by_b, 1 / (4 * np.sqrt([9, 5, 14])), rtol=1e-6)
    with pytest.raises(ValueError, match="squareplus: b must be in"):
        activations.squareplus(x, -1.0)


def test_log_cosh_of_small_errors():
    """Where log of the mean of e^x and e^−x is 0: e²/2."""
    e = jnp.array([1e-4, -3e-18])
    np.testing.assert_allclose(losses.log_cosh(e), [5e-9, 4.5e-36], rtol=1e-6)
    assert losses.log_cosh(jnp.array([3.0]), jnp.array([3.0])).tolist() == [0]
    with pytest.raises(ValueError, match="log_cosh: .*same shape"):
        losses.log_cosh(jnp.zeros(3), jnp.zeros((3, 1)))


def test_the_logarithms_invert():
    """logit is sigmoid's inverse, and log1mexp of −log_sigmoid is log_sigmoid of −x."""
    x = jnp.array([-5.0, -0.5, 0.0, 0.01, 2.0])

    @jax.jit
    def back(x):
        below = activations.log1mexp(-activations.log_sigmoid(x))
        return activations.logit(activations.sigmoid(x)), below

    np.testing.assert_allclose(back(x)[0], x, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(back(x)[1], activations.log_sigmoid(-x), rtol=1e-5)


@pytest.mark.parametrize("name", ONE_ARRAY)
def test_value_and_slope_are_one_loop_each(name):
    """No intermediate goes through memory, which costs more than what is in it."""
    f, x = ONE_ARRAY[name], jnp.ones(4096)

    def both(x, ct):
        y, back = jax.vjp(f, x)
        return y, back(ct)

    text = jax.jit(both).lower(x, x).compile().as_text()
    main = text[text.index("ENTRY") :].splitlines()
    assert sum("fusion(" in line for line in main) <= 2


def test_compiled_functions_stay_functions():
    """They pickle, copy, and show signature and module; numbers do not recompile."""
    traces = []

    @_numerics.compiled(static=["doubled"])
    def scaled(x, beta: float = 2.0, doubled: bool = False):
        traces.append(beta)
        return x * beta * (2 if doubled else 1)

    assert scaled(1.0) == 2 and scaled(1.0, 3.0) == 3 and scaled(1.0, 5.0) == 5
    assert len(traces) == 2  # the default, and any number
    assert scaled(1.0, 3.0, doubled=True) == 6
    f = activations.gelu
    assert pickle.loads(pickle.dumps(f)) is f and copy.deepcopy(f) is f
    assert f.__module__ == "assay.activations._gelu" and inspect.isfunction(f)
    assert list(inspect.signature(f).parameters) == ["x", "approximate"]


@pytest.mark.optimized
def test_one_exponential_is_near_the_truth():
    """Within 1.5 ULP from the least to the greatest normal result, 0 and ∞ beyond."""
    x = np.linspace(-87.33, 88.72, 20001, dtype=np.float32)
    true = np.exp(x.astype(np.float64))
    off = np.abs(np.asarray(jax.jit(_numerics.exp)(x), np.float64) - true)
    assert (off / np.spacing(true.astype(np.float32))).max() < 1.5
    ends = jax.jit(_numerics.exp)(jnp.array([-88.0, -1e30, 88.8, 1e30]))
    assert ends.tolist() == [0, 0, INF, INF]
