"""Derivatives where a plain `where` gives NaN, and those that are somebody else's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay.autodiff import (
    safe_div,
    safe_log,
    safe_pow,
    safe_sqrt,
    safe_where,
    straight_through,
)

X = np.array([-2.0, -0.5, 0.0, 0.25, 4.0], np.float32)
NAN = np.nan


def orders(f, x):
    """[f, f′, f″, f‴] at every entry, by forward and reverse mode in turns."""
    modes = f, jax.grad(f), jax.jacfwd(jax.grad(f)), jax.grad(jax.jacfwd(jax.grad(f)))
    return jax.device_get(jax.jit(lambda x: [jax.vmap(g)(x) for g in modes])(x))


def test_safe_where_keeps_each_branch_to_its_side():
    """√x log x beside 1/(x − 1/4): neither's NaN or pole reaches the other's side."""
    f, g = lambda v: jnp.sqrt(v) * jnp.log(v), lambda v: 1 / (v - 0.25)
    found = orders(lambda x: safe_where(x > 0, f, g, x), X)
    sides = np.array(orders(g, X[:3])), np.array(orders(f, X[3:]))
    np.testing.assert_allclose(found, np.concatenate(sides, 1), rtol=1e-5)


def test_safe_where_on_arrays_and_what_it_closes_over():
    """One call on a matrix; the gradient of a number that the branches share."""
    x = X[:4].reshape(2, 2)

    def total(w, x):
        return safe_where(x > 0, lambda v: jnp.sqrt(v * w), lambda v: -v * w, x).sum()

    grads = jax.jit(jax.grad(total, (0, 1)))(2.0, x)
    bend = jax.jit(jax.hessian(total))(2.0, x)
    np.testing.assert_allclose(grads[0], 2.5 + np.sqrt(0.25 / 8))
    np.testing.assert_allclose(grads[1], [[-2, -2], [-2, np.sqrt(2)]], rtol=1e-6)
    np.testing.assert_allclose(bend, -np.sqrt(0.25) / 4 / 2**1.5, rtol=1e-6)


def test_safe_where_gives_the_common_dtype_and_says_who_is_wrong():
    """A branch that counts is turned into numbers; shapes do not broadcast."""
    y = safe_where(X > 0, jnp.sqrt, lambda v: 0, jnp.asarray(X, jnp.float16))
    assert y.dtype == jnp.float16 and y.tolist() == [0, 0, 0, 0.5, 2]
    with pytest.raises(ValueError, match=r"safe_where: cond and x must have the same"):
        safe_where(X > 0, jnp.sqrt, jnp.sqrt, X[:2])


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (safe_log, [[0, np.log(4)], [0, 1 / 4], [0, -1 / 16], [0, 2 / 64]]),
        (safe_sqrt, [[0, 2], [0, 1 / 4], [0, -1 / 32], [0, 3 / 256]]),
        (lambda x: safe_pow(x, 0.5), [[0, 2], [0, 1 / 4], [0, -1 / 32], [0, 3 / 256]]),
    ],
    ids=["log", "sqrt", "pow"],
)
def test_outside_the_domain_all_derivatives_are_zero(f, expected):
    """At −2, −½ and 0; at 4 they are the function's, and at NaN NaN."""
    found = orders(f, np.append(X, np.float32(NAN)))
    for y, (outside, inside) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(y[:3], outside)
        np.testing.assert_allclose(y[4:], [inside, NAN], rtol=1e-6)


def test_safe_log_fills_with_what_is_asked():
    """The value outside the domain is the caller's."""
    assert safe_log(X, fill=-9.0).tolist()[:3] == [-9.0, -9.0, -9.0]
    assert safe_sqrt(X, fill=-9.0).tolist() == [-9.0, -9.0, -9.0, 0.5, 2.0]


def test_safe_div_at_zero():
    """Nothing over nothing is `fill`; every derivative there is 0."""
    x, y = np.array([1.0, 0.0, 3.0], np.float32), np.array([0.0, 0.0, 2.0], np.float32)

    @jax.jit
    def found(x, y):
        f = jax.vmap(jax.hessian(safe_div, (0, 1)))(x, y)
        return safe_div(x, y, fill=7.0), jax.vmap(jax.grad(safe_div, (0, 1)))(x, y), f

    value, slopes, ((xx, xy), (_, yy)) = found(x, y)
    assert value.tolist() == [7, 7, 1.5]
    np.testing.assert_array_equal(slopes, [[0, 0, 0.5], [0, 0, -0.75]])
    np.testing.assert_array_equal([xx, xy, yy], [[0] * 3, [0, 0, -0.25], [0, 0, 0.75]])


def test_safe_pow_of_either_sign():
    """Whole powers of negative numbers; 0⁰ = 1; no derivative is NaN in x or in y."""
    x = np.array([-2.0, -2.0, 0.0, 0.0, 0.0, 0.0, 2.0], np.float32)
    y = np.array([3.0, 0.5, 0.0, 1.0, 0.5, -1.0, -2.0], np.float32)

    @jax.jit
    def found(x, y):
        value, (by_x, by_y) = jax.vmap(jax.value_and_grad(safe_pow, (0, 1)))(x, y)
        return value, by_x, by_y, jax.vmap(jax.hessian(safe_pow, (0, 1)))(x, y)

    value, by_x, by_y, bend = found(x, y)
    np.testing.assert_allclose(value, [-8, 0, 1, 0, 0, 0, 0.25], rtol=1e-6)
    np.testing.assert_allclose(by_x, [12, 0, 0, 1, 0, 0, -0.25], rtol=1e-6)
    np.testing.assert_allclose(by_y, [0] * 6 + [0.25 * np.log(2)], rtol=1e-6)
    assert np.isfinite(bend).all()


def test_straight_through_is_soft_in_every_derivative():
    """hard's value to the last bit; soft's grad, jacfwd and Hessian, by argument."""
    f = straight_through(lambda x, w: jnp.round(x) + w, lambda x, w: jnp.sin(w * x))
    soft = lambda x, w: jnp.sin(w * x)  # noqa: E731
    at = np.float32(1e8), np.float32(0.3)

    @jax.jit
    def both(*at):
        kinds = jax.grad, jax.jacfwd, jax.hessian
        return [[kind(g, (0, 1))(*at) for kind in kinds] for g in (f, soft)]

    mine, true = both(*at)
    np.testing.assert_array_equal(jax.tree.leaves(mine), jax.tree.leaves(true))
    assert f(*at) == 1e8 and straight_through(jnp.sign)(-np.inf) == -1


def test_straight_through_asks_for_one_shape():
    """A soft function of another shape is named, not broadcast."""
    f = straight_through(jnp.round, jnp.sum)
    assert f(X).shape == X.shape
    with pytest.raises(ValueError, match="straight_through: hard and soft must give"):
        jax.jacfwd(f)(X)
