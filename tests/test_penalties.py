"""Penalties of two kinds at once, and of columns that are not orthonormal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import losses
from assay.verify import _bounds


def test_the_elastic_net_is_both_penalties():
    """Weighted, in value and slope; the slope at 0 is 0, as that of |w|."""
    params = {"kernel": jnp.array([[1.5, -2.0, 0.0]]), "bias": jnp.ones(2)}

    def both(p):
        parts = losses.l1_penalty(p), losses.l2_penalty(p)
        return 0.25 * parts[0] + 2.0 * parts[1]

    one = lambda p: losses.elastic_net_penalty(p, l1=0.25, l2=2.0)  # noqa: E731
    ours, theirs = jax.jit(lambda p: [jax.value_and_grad(f)(p) for f in (one, both)])(
        params
    )
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    kernels = losses.elastic_net_penalty(params, l1=1.0, l2=0.0, matching="kernel")
    assert kernels == 3.5 and losses.elastic_net_penalty({}) == 0


def test_the_weights_of_the_elastic_net_may_be_swept():
    """Traced; a negative one is refused where it is known."""
    w = {"w": jnp.array([1.0, -3.0])}
    sweep = jax.vmap(lambda a: losses.elastic_net_penalty(w, l1=a, l2=1 - a))
    np.testing.assert_allclose(jax.jit(sweep)(jnp.array([0.0, 0.5, 1.0])), [10, 7, 4])
    with pytest.raises(
        ValueError, match=r"elastic_net_penalty: l2 must be in \[0, inf"
    ):
        losses.elastic_net_penalty(w, l2=-1.0)


@pytest.mark.parametrize("shape", [(6, 4), (3, 2, 1, 6)])
def test_orthonormal_columns_cost_nothing(shape):
    """Of dense kernels and of convolutions; scaled by s they cost units·(s² − 1)²."""
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    w = jnp.asarray(q[:, : shape[-1]].reshape(shape), jnp.float32)
    f = jax.jit(jax.value_and_grad(losses.orthogonal_penalty))
    value, slope = f({"w": w})
    assert value < 1e-12 and abs(slope["w"]).max() < 1e-5
    np.testing.assert_allclose(f({"w": 2 * w})[0], shape[-1] * 9, rtol=1e-5)


def test_more_units_than_inputs_cannot_all_be_orthogonal():
    """The least that gradient descent finds is units − inputs; biases do not count."""
    params = {"kernel": jnp.eye(2, 5) + 0.1, "bias": jnp.ones(3)}
    step = lambda p, _: (  # noqa: E731
        jax.tree.map(
            lambda x, g: x - 0.02 * g, p, jax.grad(losses.orthogonal_penalty)(p)
        ),
        None,
    )
    end = jax.jit(lambda p: jax.lax.scan(step, p, None, 300)[0])(params)
    np.testing.assert_allclose(losses.orthogonal_penalty(end), 3, rtol=1e-4)
    assert (end["bias"] == 1).all()
    assert losses.orthogonal_penalty({"bias": jnp.ones(3)}) == 0


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_stated_bound_holds_near_orthogonality(scale):
    """Where it cancels, the bound is of what is subtracted."""
    rng = np.random.default_rng(1)
    w = np.linalg.qr(rng.standard_normal((64, 16)))[0] * scale
    w = np.float32(w + 1e-3 * rng.standard_normal(w.shape))
    got = float(jax.jit(losses.orthogonal_penalty)({"w": w}))
    w = w.astype(np.longdouble)
    gram, sizes = np.matmul(w.T, w), np.matmul(abs(w).T, abs(w))
    true = ((gram - np.eye(16)) ** 2).sum()
    size = ((sizes + np.eye(16)) ** 2).sum()
    bound = _bounds.LOSSES["orthogonal_penalty"]
    assert abs(got - true) <= bound.value * 2.0**-23 * size
