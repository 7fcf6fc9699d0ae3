"""Constraints on weights: lengths at both ends, zero and huge columns, slopes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers, optim

BOTH = pytest.mark.parametrize(
    "f", [layers.max_norm, partial(layers.min_max_norm, high=2.0)]
)


@BOTH
def test_what_is_within_is_left_bit_for_bit(f):
    """Also a column of exactly the limit."""
    w = np.array([[0.0, 0.3, 2.0], [0.0, -1.7, 0.0]], np.float32)
    assert (jax.jit(f)(w) == w).all()


@BOTH
def test_a_long_column_gets_the_limit_and_keeps_its_direction(f):
    """Whatever its size; a second time changes an ULP at most."""
    w = np.array([[3.0, 3e38, -3e10], [4.0, 3e38, 4e10]], np.float32)
    once, twice = jax.device_get(jax.jit(lambda w: (f(w), f(f(w))))(w))
    root = 2**0.5
    true = [[1.2, root, -1.2], [1.6, root, 1.6]]
    np.testing.assert_allclose(once, true, rtol=3e-7)
    np.testing.assert_allclose(twice, once, rtol=2e-7)


def test_a_short_column_is_stretched_but_zero_has_no_direction():
    """A finite slope there too, in both modes."""
    w = np.array([[0.3, 0.0], [0.4, 0.0]], np.float32)
    f = lambda w: layers.min_max_norm(w, low=1.0, high=2.0)  # noqa: E731
    y, back = jax.device_get(jax.jit(lambda w: (f(w), jax.jacrev(f)(w)))(w))
    np.testing.assert_allclose(y, [[0.6, 0], [0.8, 0]], rtol=3e-7)
    assert np.isfinite(back).all()


def test_the_slope_along_a_column_that_was_cut_is_0():
    """Only its direction counts: the derivative of c·w/‖w‖."""
    w = jnp.array([[3.0], [4.0]])
    along = jax.jvp(layers.max_norm, (w,), (w,))[1]
    across = jax.jvp(layers.max_norm, (w,), (jnp.array([[-4.0], [3.0]]),))[1]
    np.testing.assert_allclose(along, 0, atol=1e-6)
    np.testing.assert_allclose(across, [[-1.6], [1.2]], rtol=1e-6)


def test_the_kernel_of_a_convolution_names_its_axes():
    """One length for each output channel; batch axes before are as many kernels."""
    w = np.random.default_rng(0).standard_normal((2, 3, 3, 4, 5)).astype(np.float32)
    f = partial(layers.max_norm, limit=1.0, axis=(-4, -3, -2))
    y, each = jax.device_get(jax.jit(lambda w: (f(w), jax.vmap(f)(w)))(w))
    np.testing.assert_allclose((y**2).sum((1, 2, 3)), 1, rtol=1e-5)
    np.testing.assert_allclose(y, each, rtol=1e-6)


def test_limits_may_be_traced_and_half_stays_half():
    """A sweep over limits is one vmap."""
    w = jnp.array([[3.0], [4.0]], jnp.float16)
    sweep = jax.vmap(lambda c: layers.min_max_norm(w, low=c, high=2 * c))
    y = jax.jit(sweep)(jnp.array([1.0, 5.0, 10.0]))
    assert y.dtype == jnp.float16
    lengths = jnp.sqrt((y.astype(jnp.float32) ** 2).sum((1, 2)))
    np.testing.assert_allclose(lengths, [2, 5, 10], rtol=1e-3)


def test_wrong_arguments_are_told():
    """Limits, axes and kinds."""
    w = jnp.ones((2, 3))
    with pytest.raises(ValueError, match=r"max_norm: limit must be in \[0, inf\]"):
        layers.max_norm(w, limit=-1.0)
    with pytest.raises(ValueError, match=r"min_max_norm: high must be in \[2.0, inf\]"):
        layers.min_max_norm(w, low=2.0)
    with pytest.raises(ValueError, match=r"max_norm: axis must name axes"):
        layers.max_norm(w[0])
    with pytest.raises(TypeError, match="max_norm: kernel must be floating point"):
        layers.max_norm(jnp.ones((2, 3), int))


def test_a_constraint_is_the_last_of_an_optimizers_chain():
    """Descent pulls a kernel to 5; columns stop at the limit, the bias does not."""
    keep = optim.stateless_with_tree_map(lambda g, p: layers.max_norm(p + g) - p)
    kernels = {"kernel": True, "bias": False}
    tx = optim.chain(optim.sgd(0.1), optim.masked(keep, kernels))

    def step(carry, _):
        p, state = carry
        gradients = jax.tree.map(lambda x: x - 5, p)
        updates, state = tx.update(gradients, state, p)
        return (optim.apply_updates(p, updates), state), None

    start = {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}
    run = jax.jit(lambda p: jax.lax.scan(step, (p, tx.init(p)), None, 100)[0][0])
    end = run(start)
    np.testing.assert_allclose(end["kernel"], 2**0.5, rtol=1e-6)
    np.testing.assert_allclose(end["bias"], 5, rtol=1e-4)
