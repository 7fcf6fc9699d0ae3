"""What is special about activations: limits, corners, roots, masks, half precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations

INF, NAN = np.inf, np.nan
SMOOTH = {
    "sigmoid": activations.sigmoid,
    "tanh": activations.tanh,
    "softplus": activations.softplus,
    "silu": activations.silu,
    "gelu": activations.gelu,
    "gelu exact": lambda x: activations.gelu(x, approximate=False),
    "elu": activations.elu,
    "relu": activations.relu,
    "leaky_relu": activations.leaky_relu,
}
smooth = pytest.mark.parametrize("f", SMOOTH.values(), ids=SMOOTH)


def slope(f):
    """f′ at every entry, compiled."""
    return jax.jit(jax.vmap(jax.grad(f)))


@pytest.mark.parametrize(
    ("name", "low", "high", "slopes"),
    [
        ("sigmoid", 0, 1, (0, 0)),
        ("tanh", -1, 1, (0, 0)),
        ("softplus", 0, INF, (0, 1)),
        ("silu", 0, INF, (0, 1)),
        ("gelu", 0, INF, (0, 1)),
        ("gelu exact", 0, INF, (0, 1)),
        ("elu", -1, INF, (0, 1)),
        ("relu", 0, INF, (0, 1)),
    ],
)
def test_limits_at_infinity(name, low, high, slopes):
    """Value and derivative at -∞ and ∞ are the limits, and NaN stays NaN."""
    f, x = SMOOTH[name], jnp.array([-INF, INF, NAN])
    np.testing.assert_array_equal(jax.jit(f)(x), [low, high, NAN])
    np.testing.assert_array_equal(slope(f)(x), [*slopes, NAN])


@pytest.mark.parametrize("name", ["silu", "gelu", "gelu exact"])
def test_gated_functions_end_at_negative_zero(name):
    """From below: x times nothing keeps the sign of x."""
    y = SMOOTH[name](jnp.array([-INF, -1e30, -2000.0]))
    assert np.signbit(y).all() and not np.asarray(y).any()


@smooth
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32], ids=str)
def test_two_derivatives_are_finite_at_huge_inputs(f, dtype):
    """At the dtype's largest numbers; jax.nn.gelu's slope is NaN from 148 in f16."""
    top = float(jnp.finfo(dtype).max)
    x = jnp.array([-top, -148, -20, 0, 20, 148, top], dtype)
    both = jax.grad(f), jax.grad(jax.grad(f))
    for y in jax.jit(lambda x: [jax.vmap(g)(x) for g in (f, *both)])(x):
        assert y.dtype == dtype and np.isfinite(y).all()


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [  # to 12 digits, mpmath
        ("sigmoid", 20.0, 2.06115361394e-09),
        ("sigmoid", -80.0, 1.80485138785e-35),
        ("tanh", 9.0, 6.09199171232e-08),
        ("tanh", 40.0, 7.21940555138e-35),
        ("elu", -20.0, 2.06115362244e-09),
        ("gelu", -5.0, -1.54636198753e-06),
        ("gelu exact", -9.0, -9.13893737391e-18),
    ],
)
def test_slopes_in_the_tails(name, x, expected):
    """Far out, where s(1 − s), 1 − tanh² and expm1 + 1 are 0 or noise."""
    got = float(slope(SMOOTH[name])(jnp.array([x]))[0])
    assert got == pytest.approx(expected, rel=8 * 2**-23)


@pytest.mark.parametrize(
    ("name", "root", "bend"),
    [  # mpmath
        ("silu", -1.2784645427610738, 0.217811706),
        ("gelu", -0.7524614220710163, 0.430400091),
        ("gelu exact", -0.7517915246935645, 0.431493992),
    ],
)
def test_slopes_beside_their_roots(name, root, bend):
    """f′(x) = f″(root) (x − root): the digits of a root that is no float count."""
    x = np.float32(root) + np.float32(2.0**-24) * np.arange(-8, 9, 2, dtype=np.float32)
    got = np.asarray(slope(SMOOTH[name])(jnp.asarray(x)), np.float64)
    expected = bend * (x.astype(np.float64) - root)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_gelus_differ_as_published():
    """The two forms differ by 4.7e-4 at most; the defaults are jax.nn's."""
    x = jnp.linspace(-6, 6, 4001)
    off = np.abs(activations.gelu(x) - activations.gelu(x, approximate=False)).max()
    assert 4.6e-4 < off < 4.8e-4


def test_step_has_both_conventions_at_the_threshold():
    """z = 0 fires where the rule says ≥, does not where it says >, or half."""
    z = jnp.array([-1.0, 0.0, 1.0])
    assert activations.step(z).tolist() == [0, 1, 1]
    assert activations.step(z, at_threshold=0.0).tolist() == [0, 0, 1]
    assert activations.step(z, at_threshold=0.5).tolist() == [0, 0.5, 1]
    assert activations.step(z, 1.0).tolist() == [0, 0, 1]
    assert activations.step(jnp.array([2, 3]), 3).tolist() == [0, 1]
    assert np.isnan(activations.step(jnp.array(NAN)))
    assert jax.vmap(jax.grad(activations.step))(z).tolist() == [0, 0, 0]


def test_corners():
    """relu′(0) = 0, leaky_relu′(0) = 1, elu′(0) = alpha; NaN has the slope NaN."""
    zero = jnp.zeros(())
    assert jax.grad(activations.relu)(zero) == 0
    assert jax.grad(activations.leaky_relu)(zero) == 1
    assert jax.grad(activations.elu)(zero, 0.5) == 0.5
    for f in (activations.relu, activations.leaky_relu, activations.elu):
        assert np.isnan(jax.grad(f)(jnp.array(NAN)))


def test_relu_keeps_integers():
    """As jax.nn.relu does."""
    y = activations.relu(jnp.array([-2, 3]))
    assert y.dtype == jnp.int32 and y.tolist() == [0, 3]


def test_learned_arguments_have_gradients():
    """prelu's weight and swish's beta: x below 0, and x² σ′(βx)."""
    x = jnp.array([[-2.0, 3.0], [-1.0, -4.0]])

    def total(f):
        return jax.jit(jax.grad(lambda w: f(x, w).sum()))(jnp.array([0.5, 0.0]))

    assert total(activations.prelu).tolist() == [-3.0, -4.0]
    expected = [4 * 0.1966119 + 0.2350037, (9 + 16) / 4]
    np.testing.assert_allclose(total(activations.swish_beta), expected, rtol=1e-6)
    ends = jnp.array([-INF, INF])
    np.testing.assert_array_equal(activations.swish_beta(ends, 2.0), [0, INF])
    slopes = jax.jit(jax.vmap(jax.grad(activations.swish_beta), (0, None)))(ends, 2.0)
    np.testing.assert_array_equal(slopes, [0, 1])


def test_softmax_of_huge_and_infinite_entries():
    """Only differences matter, and -∞ is no share; its derivatives are finite."""
    x = jnp.array([1e8, 1e8, -INF])
    assert activations.softmax(x).tolist() == [0.5, 0.5, 0]
    np.testing.assert_allclose(
        activations.log_softmax(x), [-np.log(2), -np.log(2), -INF], rtol=1e-7
    )
    both = activations.softmax, activations.log_softmax
    fs = [d(f) for d in (jax.jacfwd, jax.jacrev) for f in both]
    fs.append(jax.hessian(lambda x: activations.softmax(x)[0]))
    assert all(np.isfinite(y).all() for y in jax.jit(lambda x: [f(x) for f in fs])(x))


def test_log_softmax_of_a_confident_row():
    """-log(1 + 2·e⁻²⁰) has its digits, where log of the sum is 0."""
    y = jax.jit(activations.log_softmax)(jnp.array([20.0, 0.0, 0.0]))
    assert float(y[0]) == pytest.approx(-4.12230723e-09, rel=1e-6)


@pytest.mark.parametrize(
    ("f", "fill"), [(activations.softmax, 0), (activations.log_softmax, -INF)]
)
def test_masked_entries_never_leak(f, fill):
    """NaN and ∞ behind the mask change nothing; a row behind it has slope 0."""
    x = jnp.array([[1.0, 2.0, NAN], [INF, NAN, -INF]])
    where = jnp.array([[True, True, False], [False, False, False]])
    y = f(x, where=where)
    np.testing.assert_array_equal(y[0, :2], f(jnp.array([1.0, 2.0])))
    np.testing.assert_array_equal(y[1], [fill] * 3)
    fs = [d(lambda x: f(x, where=where)) for d in (jax.jacfwd, jax.jacrev)]
    for slopes in jax.jit(lambda x: [f(x) for f in fs])(x):
        assert np.isfinite(slopes).all() and not np.asarray(slopes[1]).any()
        assert not np.asarray(slopes[..., 1, :]).any()


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_arrays(shape):
    """No rows, or rows of nothing, give what they are."""
    x = jnp.zeros(shape)
    fs = [*SMOOTH.values(), activations.softmax, activations.log_softmax]
    slopes = [jax.grad(lambda x, f=f: f(x).sum()) for f in fs]
    out = jax.eval_shape(lambda x: [f(x) for f in fs + slopes], x)
    assert {y.shape for y in out} == {shape}


def test_softmax_allows_for_the_rounding_of_its_differences():
    """x − max x rounds by 1e-6 here, and e to it would be 15 ULP off."""
    x = np.array([60.3, 0.0012345, -1.0000001, 7.1234567], np.float32)
    e = np.exp(x.astype(np.float64) - float(x[0]))
    got = jax.jit(activations.softmax)(jnp.asarray(x))
    np.testing.assert_allclose(got, e / e.sum(), rtol=5 * 2**-24)
    cost = -jax.jit(activations.log_softmax)(jnp.asarray(x))[0]
    np.testing.assert_allclose(cost, np.log1p(e[1:].sum()), rtol=5 * 2**-24)
