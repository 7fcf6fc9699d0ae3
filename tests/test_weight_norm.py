"""Normalized weights: torch's values and gradients, zero, huge and tiny kernels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers


def test_weight_norm_is_torchs():
    """Value and gradients in float64; torch keeps the outputs first."""
    torch = pytest.importorskip("torch", reason="the second reference is torch")
    rng = np.random.default_rng(0)
    kernel, scale = rng.standard_normal((3, 4, 5)), rng.standard_normal(5)
    v, g = (torch.tensor(a, requires_grad=True) for a in (kernel, scale))
    weights = torch._weight_norm(v.permute(2, 1, 0), g[:, None, None], 0)
    weights.sin().sum().backward()

    def ours(kernel, scale):
        w = layers.weight_norm(kernel, scale)
        return jnp.sum(jnp.sin(w)), w

    with jax.enable_x64(True):
        slopes, w = jax.jit(jax.grad(ours, (0, 1), has_aux=True))(kernel, scale)
    np.testing.assert_allclose(w.T, weights.detach(), rtol=1e-12)
    for a, b in zip(slopes, (v.grad, g.grad), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_spectral_norm_is_torchs():
    """Three training steps: kernel, vector and gradient of torch's hook."""
    torch = pytest.importorskip("torch", reason="the second reference is torch")
    layer = torch.nn.Linear(4, 3, bias=False, dtype=torch.float64)
    layer = torch.nn.utils.spectral_norm(layer)
    kernel, u = layer.weight_orig.detach().numpy().T.copy(), layer.weight_u.numpy()

    def ours(kernel, u):
        w, u = layers.spectral_norm(kernel, u)
        return jnp.sum(jnp.sin(w)), (w, u)

    with jax.enable_x64(True):
        step, u = jax.jit(jax.grad(ours, has_aux=True)), jnp.asarray(u)
        for _ in range(3):
            layer(torch.zeros(1, 4, dtype=torch.float64))
            slope, (w, u) = step(kernel, u)
    layer.weight.sin().sum().backward()
    theirs = (layer.weight.detach(), layer.weight_orig.grad)
    np.testing.assert_allclose(w.T, theirs[0], rtol=1e-10)
    np.testing.assert_allclose(slope.T, theirs[1], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(u, layer.weight_u, rtol=1e-10)


def test_spectral_norm_finds_the_largest_singular_value():
    """After many steps from any start, at any scale; inference keeps u."""
    kernel = np.float32(np.random.default_rng(0).standard_normal((2, 3, 4)))
    singular = np.linalg.svd(kernel.reshape(6, 4), compute_uv=False)

    @jax.jit
    def f(kernel):
        w, u = layers.spectral_norm(kernel, jnp.ones(4), steps=60)
        return w, u, *layers.spectral_norm(kernel, u, steps=0)

    for scale in (2.0**-110, 1.0, 2.0**110):
        w, u, again, same = f(kernel * np.float32(scale))
        np.testing.assert_allclose(w, kernel / singular[0], rtol=1e-5)
        np.testing.assert_allclose(again, w, rtol=1e-5)
        assert (u == same).all()


def test_zero_weights_stay_zero_with_finite_gradients():
    """A pruned output, or a kernel of zeros, is no NaN in any order."""

    def total(f, kernel):
        w = f(kernel)
        return jnp.sum(jnp.sin(w)), w

    @jax.jit
    def every(kernel):
        found = []
        for f in (
            lambda w: layers.weight_norm(w, jnp.ones(3)),
            layers.weight_standardize,
            lambda w: layers.spectral_norm(w, jnp.ones(3))[0],
        ):
            g = jax.grad(lambda w, f=f: total(f, w), has_aux=True)
            found.append(jax.jvp(g, (kernel,), (jnp.ones_like(kernel),), has_aux=False))
        return found

    for (slope, w), (bend, _) in every(jnp.zeros((4, 3))):
        assert (w == 0).all()
        assert jnp.isfinite(slope).all() and jnp.isfinite(bend).all()


def test_standardized_kernels_have_mean_0_and_variance_1():
    """Of each output, at the small variance that kernels have."""
    rng = np.random.default_rng(0)
    kernel = np.float32(1 + 1e-3 * rng.standard_normal((3, 3, 5, 4)))
    w = np.asarray(layers.weight_standardize(kernel, jnp.full(4, 2.0)), np.float64)
    np.testing.assert_allclose(w.mean((0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(w.std((0, 1, 2)), 2, rtol=1e-3)


def test_weight_norms_name_what_is_wrong():
    """The argument, what it must be, and what it is."""
    kernel = jnp.zeros((4, 3))
    with pytest.raises(ValueError, match=r"weight_norm: scale must have .*\(3,\)"):
        layers.weight_norm(kernel, jnp.ones(4))
    with pytest.raises(ValueError, match="kernel must have at least 2 axes"):
        layers.weight_standardize(jnp.zeros(3))
    with pytest.raises(ValueError, match=r"u must have one number per output"):
        layers.spectral_norm(kernel, jnp.ones(4))
    with pytest.raises(ValueError, match=r"steps must be a whole number.*got -1"):
        layers.spectral_norm(kernel, jnp.ones(3), steps=-1)
    with pytest.raises(TypeError, match="kernel must be floating point"):
        layers.weight_norm(jnp.zeros((4, 3), jnp.int32), jnp.ones(3))
