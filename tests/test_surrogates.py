"""Step and sign with a derivative that is another's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations as a

NAN = np.nan


def dsigmoid(u):
    """σ(u) σ(−u) in float64, without the cancellation of 1 − σ."""
    return 1 / (4 * np.cosh(np.clip(u, -700, 700) / 2) ** 2)


SLOPES = {  # of the defaults, in float64
    "step_straight_through": np.ones_like,
    "step_sigmoid": lambda x: 4 * dsigmoid(4 * x),
    "step_triangular": lambda x: np.maximum(0, 1 - abs(x)),
    "step_arctan": lambda x: 1 / (1 + (np.pi * x) ** 2),
    "step_fast_sigmoid": lambda x: 1 / (1 + 10 * abs(x)) ** 2,
    "sign_straight_through": np.ones_like,
    "sign_sigmoid": lambda x: 4 * dsigmoid(2 * x),
    "sign_triangular": lambda x: 2 * np.maximum(0, 1 - abs(x)),
    "binarize": lambda x: np.where(abs(x) <= 1, 1.0, 0.0),
    "ternarize": lambda x: np.where(abs(x) <= 1, 1.0, 0.0),
}
VALUES = {
    "step": lambda x: np.heaviside(x, 1.0),
    "sign": np.sign,
    "binarize": lambda x: np.where(x < 0, -1.0, 1.0),
    "ternarize": lambda x: np.sign(x) * (abs(x) > 0.05),
}


def inputs():
    """Both signs of every magnitude, the middle, the corners."""
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-37, 38, 5000) * rng.choice([-1, 1], 5000)
    middle = rng.uniform(-45, 45, 5000)
    return np.concatenate([sizes, middle, [0, 1, -1]]).astype(np.float32)


@pytest.mark.parametrize("name", SLOPES)
def test_the_value_is_hard_and_the_slope_within_its_bound(name):
    """Exactly the step; the slope to 6 ULP of the named one, at every magnitude."""
    f, x = getattr(a, name), inputs()
    value, slope = jax.jit(lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),)))(x)
    wide, hard = x.astype(np.float64), VALUES[name.partition("_")[0]]
    np.testing.assert_array_equal(value, hard(wide))
    expected = SLOPES[name](wide)
    seen = expected > 1.2e-38  # what is subnormal is 0 here
    off = np.abs(slope[seen] - expected[seen])
    assert (off <= 6 * np.spacing(expected[seen].astype(np.float32))).all()
    assert (np.asarray(slope)[~seen] <= 1.2e-38).all()


@pytest.mark.parametrize("name", SLOPES)
def test_every_mode_and_order_agrees(name):
    """grad, jacfwd and Hessians of all kinds; at NaN all are NaN, or no order is."""
    f, x = getattr(a, name), np.float32([-0.6, 0.3, 2.0, NAN])

    @jax.jit
    def found(x):
        firsts = jax.grad(f), jax.jacfwd(f)
        seconds = jax.hessian(f), jax.jacfwd(jax.jacfwd(f)), jax.grad(jax.grad(f))
        return [[jax.vmap(g)(x) for g in kinds] for kinds in (firsts, seconds)]

    with jax.enable_x64(True):
        firsts, seconds = found(x.astype(np.float64))
    wide, step = x.astype(np.float64), 1e-6
    slope = SLOPES[name]
    bend = (slope(wide + step) - slope(wide - step)) / (2 * step)
    for got in firsts:
        np.testing.assert_allclose(got[:3], slope(wide[:3]), rtol=1e-9)
        assert np.isnan(got[3])
    for got in seconds:
        np.testing.assert_allclose(got[:3], bend[:3], rtol=1e-6, atol=1e-9)


def test_the_hessian_is_that_of_a_smooth_network():
    """½ f(x)²: f′² + f f″, with the hard value for f."""
    x = np.float32([-0.2, 0.3])
    bend = jax.jit(jax.hessian(lambda x: (a.step_sigmoid(x) ** 2).sum() / 2))(x)
    slope, step = SLOPES["step_sigmoid"](x), np.heaviside(x, 1)
    second = -4 * np.tanh(2 * x) * slope
    np.testing.assert_allclose(bend, np.diag(slope**2 + step * second), rtol=1e-5)


def test_steepness_and_dampening():
    """What the papers use: LSNNs' 0.3, SuperSpike's 10, a steep sigmoid."""
    x = np.float32(0.25)
    assert jax.grad(a.step_triangular)(x) == 0.75
    slope = jax.grad(lambda x: a.step_triangular(x, dampening=0.3))(x)
    np.testing.assert_allclose(slope, 0.3 * 0.75, rtol=1e-6)
    slope = jax.grad(lambda x: a.step_fast_sigmoid(x, steepness=100.0))(x)
    np.testing.assert_allclose(slope, 1 / 26**2, rtol=1e-6)
    slope = jax.grad(lambda x: a.step_arctan(x, steepness=4.0))(x)
    np.testing.assert_allclose(slope, 2 / (1 + (np.pi / 2) ** 2), rtol=1e-6)
    assert jax.grad(lambda c: a.step_sigmoid(x, steepness=c))(4.0) == 0


def test_a_threshold_of_any_layer_learns():
    """A step in the middle of a network passes gradients to what is below it."""
    w = jnp.float32([[0.2, -0.1], [0.4, 0.3]])

    def total(w, fire):
        return fire(jnp.ones((1, 2)) @ w).sum()

    dead, alive = (jax.grad(total)(w, fire) for fire in (a.step, a.step_sigmoid))
    assert not dead.any() and (alive > 0).all()
