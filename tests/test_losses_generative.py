"""Gaussian KL, adversarial losses, distillation, preferences: limits and masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import losses

INF = np.inf
RNG = np.random.default_rng(0)


def test_gaussian_kl_is_that_of_torch():
    """To the standard normal and between two."""
    torch = pytest.importorskip("torch", reason="torch is the peer of this test")
    m, v, m0, v0 = RNG.normal(size=(4, 5, 3)).astype(np.float32)

    def normal(mean, log_variance):
        scale = torch.exp(torch.tensor(log_variance, dtype=torch.float64) / 2)
        return torch.distributions.Normal(torch.tensor(mean).double(), scale)

    kl = torch.distributions.kl_divergence
    standard = torch.distributions.Normal(0.0, 1.0)
    a, b = normal(m, v), normal(m0, v0)
    arrays = [jnp.asarray(x) for x in (m, v, m0, v0)]
    got = losses.gaussian_kl(*arrays[:2]), losses.gaussian_kl(*arrays)
    np.testing.assert_allclose(got[0], kl(a, standard).sum(-1), rtol=1e-6)
    np.testing.assert_allclose(got[1], kl(a, b).sum(-1), rtol=1e-6)


def test_gaussian_kl_near_its_minimum_and_at_its_ends():
    """The parabola near 0, ∞ with a finite slope at variance 0, and nothing masked."""
    v = jnp.array([[1e-5], [-INF], [jnp.nan]])
    where = jnp.array([[True], [True], [False]])

    def total(v):
        y = losses.gaussian_kl(jnp.zeros_like(v), v, where=where)
        return jnp.sum(y), y

    (_, value), slope = jax.jit(jax.value_and_grad(total, has_aux=True))(v)
    np.testing.assert_allclose(value, [0.25e-10, INF, 0], rtol=1e-5)
    np.testing.assert_allclose(slope[:, 0], [0.5e-5, -0.5, 0], rtol=1e-5)


def test_the_penalty_interpolates_with_one_number_an_example():
    """The slope of ½|x|² is x̂ itself; at a slope of 0 the derivatives are finite."""
    real, key = jnp.asarray(RNG.normal(size=(4, 2, 3)), "float32"), jax.random.key(1)
    mix = jax.random.uniform(key, (4,))

    def penalty(scale):
        def critic(x):
            return scale * jnp.sum(x * x, (1, 2)) / 2

        return losses.gradient_penalty(critic, real, jnp.zeros_like(real), key)

    norm = mix * np.linalg.norm(np.asarray(real).reshape(4, 6), axis=-1)
    run = jax.jit(
        lambda s: (penalty(s), jax.jacfwd(penalty)(s), jax.jacrev(penalty)(s))
    )
    value, forward, back = run(1.0)
    np.testing.assert_allclose(value, (norm - 1) ** 2, rtol=1e-5)
    np.testing.assert_allclose(forward, 2 * (norm - 1) * norm, rtol=1e-4)
    np.testing.assert_allclose(back, forward, rtol=1e-5)
    value, forward, back = run(0.0)
    assert value.tolist() == [1] * 4 and np.isfinite([forward, back]).all()


def test_adversarial_losses_at_a_sure_discriminator():
    """No overflow at ±1e4; the minimax generator's slope dies, the other's does not."""
    x = jnp.array([-1e4, 1e4])
    slopes = [
        jax.vmap(jax.grad(f))(x)
        for f in (losses.minimax_generator_loss, losses.non_saturating_generator_loss)
    ]
    np.testing.assert_array_equal(slopes[0], [0, -1])
    np.testing.assert_array_equal(slopes[1], [-1, 0])
    cost = losses.gan_discriminator_loss(x, x)
    np.testing.assert_array_equal(cost, [1e4, 1e4])


def test_distillation_of_equal_and_of_almost_equal_models():
    """0 with gradient 0, and ½ Var d / T² · T² where the logits differ by d."""
    t = jnp.array([3.0, 1.0, -2.0])
    d = jnp.array([1.0, -2.0, 0.5]) * 2.0**-12
    f = jax.jit(jax.value_and_grad(losses.distillation_loss))
    value, slope = f(t, t)
    assert value == 0 and not np.any(slope)
    value, slope = f(t + d, t)
    p = np.exp(np.asarray(t, float)) / np.exp(np.asarray(t, float)).sum()
    rest = np.asarray(d, float) - p @ np.asarray(d, float)
    np.testing.assert_allclose(value, p @ rest**2 / 2, rtol=1e-3)
    np.testing.assert_allclose(slope, p * rest, rtol=2e-3)


def test_distillation_with_impossible_and_masked_classes():
    """-∞ in both, in the teacher alone, in the student alone; a row of nothing."""
    s = jnp.array([[0.0, -INF, 1.0], [0.0, 2.0, 1.0], [0.0, -INF, 1.0], [jnp.nan] * 3])
    t = jnp.array([[1.0, -INF, 0.0], [1.0, -INF, 0.0], [1.0, 0.0, 0.0], [INF] * 3])
    where = jnp.array([[True] * 3] * 3 + [[False] * 3])

    def total(s):
        y = losses.distillation_loss(s, t, where=where)
        return jnp.sum(jnp.where(jnp.isinf(y), 0, y)), y

    @jax.jit
    def orders(s):
        grad = jax.grad(total, has_aux=True)
        (slope, y), (bend, _) = jax.jvp(grad, (s,), (jnp.ones_like(s),))
        return y, slope, bend

    y, slope, bend = orders(s)
    e = np.e
    p, q = np.array([e, 1]) / (1 + e), np.array([1, e]) / (1 + e)
    kl, r = np.sum(p * np.log(p / q)), np.array([1, e]) / (1 + e + e**2)
    other = np.sum(p * np.log(p / r))
    np.testing.assert_allclose(y, [kl, other, INF, 0], rtol=1e-6)
    assert np.isfinite(slope).all() and np.isfinite(bend).all()
    np.testing.assert_allclose(slope[0], [(q - p)[0], 0, (q - p)[1]], rtol=1e-6)
    assert not np.any(slope[3])


def test_the_gradient_of_the_temperature():
    """By differences: a schedule may be learnt."""
    with jax.enable_x64(True):
        s, t = jnp.asarray(RNG.normal(size=(2, 5)))

        def f(heat):
            return losses.distillation_loss(s, t, temperature=heat)

        run = jax.jit(jax.value_and_grad(f))
        (high, _), (low, _), (_, slope) = map(run, (2.0 + 1e-5, 2.0 - 1e-5, 2.0))
        np.testing.assert_allclose(slope, (high - low) / 2e-5, rtol=1e-6)


def test_wrong_arguments_are_named():
    """Shapes, dtypes, ranges."""
    x = jnp.zeros((2, 3))
    with pytest.raises(ValueError, match="gaussian_kl: mean and log_variance"):
        losses.gaussian_kl(x, x[0])
    with pytest.raises(TypeError, match="minimax_generator_loss: fake must be"):
        losses.minimax_generator_loss(x.astype(int))
    with pytest.raises(ValueError, match="temperature must be positive"):
        losses.distillation_loss(x, x, temperature=0)
    with pytest.raises(ValueError, match="ppo_clip_loss: clip must be in"):
        losses.ppo_clip_loss(x, x, x, clip=2)
    with pytest.raises(ValueError, match="dpo_loss: chosen and rejected"):
        losses.dpo_loss(x, x[0], x, x)
    with pytest.raises(ValueError, match="gradient_penalty: real must have at least 2"):
        losses.gradient_penalty(jnp.sum, x[0], x[0], jax.random.key(0))
