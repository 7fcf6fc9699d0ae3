"""Regression, likelihoods, robust losses and the mean: where others lose digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import losses
from assay.verify import discover

INF, NAN = np.inf, np.nan


def orders(f, *args):
    """Value, gradients by both modes and Hessian of every argument, in one program."""
    n = tuple(range(len(args)))
    fs = (f, jax.grad(f, n), jax.jacfwd(f, n), jax.hessian(f, n))
    return jax.jit(lambda *a: [g(*a) for g in fs])(*args)


def slopes(f, *args):
    """∂f/∂(first argument) of every element, compiled."""
    return jax.jit(jax.grad(lambda *a: f(*a).sum()))(*args)


def test_the_mean_of_nothing_is_0_with_zero_slope():
    """All masked, no weight, no values: 0, whatever stands there."""
    bad = jnp.array([NAN, INF, -1.0])
    none = jnp.zeros(3, bool)
    for f in (
        lambda x: losses.mean(x, none),
        lambda x: losses.mean(x, weights=jnp.zeros(3)),
        lambda x: losses.mean(x[:0]),
    ):
        y, slope = jax.jit(jax.value_and_grad(f))(bad)
        assert y == 0 and slope.tolist() == [0, 0, 0]


def test_the_mean_is_linear_in_values_and_has_slopes_in_weights():
    """∂/∂value = w/Σw; ∂/∂weight = (value − mean)/Σw, at a weight of 0 too."""
    x, w = jnp.array([1.0, 2.0, 6.0]), jnp.array([1.0, 3.0, 0.0])
    f = jax.jit(jax.grad(lambda x, w: losses.mean(x, weights=w), (0, 1)))
    by_value, by_weight = f(x, w)
    np.testing.assert_allclose(by_value, [0.25, 0.75, 0])
    np.testing.assert_allclose(by_weight, (x - 1.75) / 4)


def test_the_mean_of_huge_values_does_not_overflow():
    """Three of 3e38, whose sum is no float32; masks one for each row."""
    np.testing.assert_allclose(losses.mean(jnp.full(3, 3e38)), 3e38, rtol=2e-7)
    x = jnp.array([[1.0, 3.0], [5.0, 7.0]])
    rows = losses.mean(x, jnp.array([[True], [False]]), axis=0)
    assert rows.tolist() == [1, 3]
    with pytest.raises(ValueError, match=r"^mean: where must have as many axes"):
        losses.mean(x, jnp.array([True, False]))


@pytest.mark.parametrize("beta", [1.0, 0.25])
def test_the_slope_of_a_small_error_keeps_its_digits(beta):
    """Huber's and smooth L1's at 1e-4 and 1e-12: not (1 + e) − 1."""
    e = jnp.array([1e-4, -1e-12, 3.0])
    got = slopes(lambda e: losses.huber_loss(e, delta=beta), e)
    np.testing.assert_allclose(got, np.clip(e, -beta, beta), rtol=2e-7)
    got = slopes(lambda e: losses.smooth_l1_loss(e, 0 * e, beta=beta), e)
    np.testing.assert_allclose(got, np.clip(e / beta, -1, 1), rtol=2e-7)


def test_a_learned_delta_has_its_slope():
    """∂huber/∂delta = max(|e| − delta, 0)."""
    f = jax.jit(jax.grad(lambda d: losses.huber_loss(jnp.array(3.0), delta=d)))
    assert f(1.0) == 2 and f(4.0) == 0


def test_smooth_l1_with_beta_0_is_the_absolute_error():
    """Value, and slope 0 at 0."""
    e = jnp.array([0.0, -2.0])
    f = jax.jit(lambda e: losses.smooth_l1_loss(e, 0 * e, beta=0.0))
    assert f(e).tolist() == [0, 2] and slopes(f, e).tolist() == [0, -1]


def test_half_a_square_overflows_where_it_must():
    """e = 2.1e19: e² is no float32, ½ e² is."""
    e = jnp.array([2.1e19])
    np.testing.assert_allclose(losses.l2_loss(e), 2.205e38, rtol=1e-6)
    got = losses.contrastive_loss(e, jnp.ones(1))
    np.testing.assert_allclose(got, 2.205e38, rtol=1e-6)


def test_squared_log_errors_slope_at_unlike_numbers():
    """p = 4e18 and t = 4e31: 2 log(p/t)/p, which two quotients would lose."""
    p, t = jnp.array([4e18]), jnp.array([4e31])
    got = slopes(losses.squared_log_error, p, t)
    expected = 2 * np.log(np.float64(p[0]) / t[0]) / p[0]
    np.testing.assert_allclose(got, [expected], rtol=1e-6)


def test_quantiles_lie_in_the_unit_interval():
    """1.5 raises and names itself; the slope of a hit is 0."""
    x = jnp.zeros(2)
    with pytest.raises(ValueError, match=r"^quantile_loss: quantile .*got 1.5"):
        losses.quantile_loss(x, x, quantile=1.5)
    assert slopes(losses.quantile_loss, x, x).tolist() == [0, 0]


def test_charbonnier_is_finite_everywhere():
    """1e30, whose square overflows; a hit with eps 0."""
    f = lambda e, eps: losses.charbonnier_loss(e, 0 * e, eps=eps)  # noqa: E731
    assert f(jnp.array(-1e30), 1e-3) == np.float32(1e30)
    for part in jax.tree.leaves(orders(lambda e: f(e, 0.0), jnp.array(0.0))):
        assert np.isfinite(part).all()


@pytest.mark.parametrize("alpha", [2.0, 0.0, 1.0, -INF])
def test_the_robust_family_is_smooth_in_alpha(alpha):
    """Beside every named member the numbers go on: no jump, no NaN."""
    e = jnp.array([1e-20, 1e-3, 0.5, 3.0, 50.0])
    f = jax.jit(lambda a: losses.general_robust_loss(e, 0 * e, alpha=a))
    g = jax.jit(
        lambda a: slopes(lambda x: losses.general_robust_loss(x, 0 * e, alpha=a), e)
    )
    beside = -1e7 if alpha == -INF else alpha + 1e-5
    np.testing.assert_allclose(f(alpha), f(beside), rtol=2e-4)
    np.testing.assert_allclose(g(alpha), g(beside), rtol=2e-4, atol=1e-30)
    assert np.isfinite(g(alpha)).all()


def test_the_robust_family_has_a_slope_in_alpha():
    """By differences in float64, at 0 exactly too."""
    with jax.enable_x64(True):
        e = jnp.array([0.5, 3.0])
        f = jax.jit(lambda a: losses.general_robust_loss(e, 0 * e, alpha=a).sum())
        g = jax.jit(jax.grad(f))
        for a in (0.0, 1.0, -2.0, 1.9, 3.0):
            numeric = (f(a + 1e-6) - f(a - 1e-6)) / 2e-6
            np.testing.assert_allclose(g(a), numeric, rtol=1e-6)


def test_poisson_of_an_impossible_count():
    """exp overflows: ∞, not ∞ − ∞; no events cost nothing at a rate of 0."""
    p, t = jnp.array([1e38, INF, -INF]), jnp.array([9, 1, 0])
    assert losses.poisson_nll_loss(p, t).tolist() == [INF, INF, 0]
    f = lambda p, t: losses.poisson_nll_loss(p, t, log_input=False, eps=0.0)  # noqa: E731
    zero = jnp.zeros(())
    for part in jax.tree.leaves(orders(f, zero, zero)):
        assert np.isfinite(part).all()


def test_poissons_slope_beside_its_root():
    """eᵖ − t at p near log t: 1e-6 stays 1e-6."""
    p = jnp.array([1e-6, -1e-10])
    got = slopes(losses.poisson_nll_loss, p, jnp.ones(2))
    np.testing.assert_allclose(got, np.expm1(np.float64(p)), rtol=3e-7)


def test_deviances_of_a_near_miss():
    """One ULP beside a hit: (p − t)²/p, where t log(t/p) − t + p would be 0 or less."""
    t = np.float32([3.0, 1e-5, 7e4])
    p = np.nextafter(t, np.float32(1e9))
    d = np.float64(p) - t
    for f, power in (
        (losses.poisson_deviance, 1),
        (losses.gamma_deviance, 2),
        (lambda m, t: losses.tweedie_deviance(m, t, power=1.5), 1.5),
    ):
        expected = d * d / np.float64(p) ** power
        np.testing.assert_allclose(jax.jit(f)(p, t), expected, rtol=2e-6)
        got = slopes(f, p, t)
        np.testing.assert_allclose(got, 2 * d / np.float64(p) ** power, rtol=2e-6)


def test_deviances_of_nothing():
    """A target of 0 is 2p for counts, ∞ for the gamma distribution, and has slopes."""
    p, t = jnp.array([2.0]), jnp.zeros(1)
    assert losses.poisson_deviance(p, t) == 4 and losses.gamma_deviance(p, t) == INF
    assert slopes(losses.poisson_deviance, p, t) == 2
    np.testing.assert_allclose(slopes(losses.tweedie_deviance, p, t), 2**0.5, rtol=1e-6)


def test_gaussian_likelihood_of_large_errors():
    """e = 1e25 with variance 1e30: e² would overflow; below eps the slope is 0."""
    one = jnp.ones(1)
    got = losses.gaussian_nll_loss(1e25 * one, 0 * one, 1e30 * one)
    np.testing.assert_allclose(got, 5e19, rtol=1e-6)
    f = lambda v: losses.gaussian_nll_loss(one, 0 * one, v)  # noqa: E731
    assert slopes(f, 1e-9 * one) == 0


PAIRS = """smooth_l1_loss absolute_percentage_error quantile_loss charbonnier_loss
general_robust_loss poisson_nll_loss poisson_deviance gamma_deviance
tweedie_deviance""".split()


@pytest.mark.parametrize("name", PAIRS)
def test_what_goes_in(name):
    """Integers are refused, no example costs nothing, NaN stays, halves stay halves."""
    f = discover("losses")[name]
    with pytest.raises(TypeError, match=rf"^{name}: predictions must be floating"):
        f(jnp.ones(2, int), jnp.ones(2))
    assert jax.eval_shape(f, *jnp.zeros((2, 0, 3))).shape == (0, 3)
    half, whole = jnp.bfloat16, jnp.float32

    def run(x):
        y, slope = jax.value_and_grad(lambda x: f(x, jnp.ones(2, x.dtype)).sum())(x)
        values = (f(x.astype(t), jnp.ones(2, t)).astype(half) for t in (half, whole))
        return y, slope[0], *(v.astype(whole) for v in values)

    y, slope, got, expected = jax.jit(run)(jnp.array([NAN, 0.7], half))
    assert y.dtype == half and jnp.isnan(y) and jnp.isnan(slope)
    np.testing.assert_array_equal(got, expected)


def test_torch_agrees():
    """On ordinary numbers, with its names and defaults."""
    torch = pytest.importorskip("torch", reason="a peer, on its Pythons only")
    rng = np.random.default_rng(0)
    p, t = rng.normal(size=(2, 20)).astype(np.float32)
    v, n = np.exp(p), rng.integers(0, 9, 20).astype(np.float32)
    F, each = torch.nn.functional, {"reduction": "none"}
    tp, tt, tv, tn = (torch.tensor(a) for a in (p, t, v, n))
    nll, torchs = losses.poisson_nll_loss, F.poisson_nll_loss
    for got, expected in (
        (
            losses.smooth_l1_loss(p, t, beta=0.5),
            F.smooth_l1_loss(tp, tt, beta=0.5, **each),
        ),
        (nll(p, n, full=True), torchs(tp, tn, full=True, **each)),
        (nll(v, n, log_input=False), torchs(tv, tn, log_input=False, **each)),
        (
            losses.gaussian_nll_loss(p, t, v, full=True),
            F.gaussian_nll_loss(tp, tt, tv, full=True, **each),
        ),
    ):
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-6)
