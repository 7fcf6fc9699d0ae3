"""Maps of rows: zero rows, huge rows, ties, masks, and every order of derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import activations as a

INF, NAN = np.inf, np.nan
MAPS = {
    "standardize": a.standardize,
    "normalize": a.normalize,
    "softmin": a.softmin,
    "sparsemax": a.sparsemax,
    "entmax15": a.entmax15,
}
DEGREES = 1.0, 1.5, 2.0, 3.0, INF


def finite(*trees):
    return all(np.isfinite(y).all() for y in jax.tree.leaves(trees))


@pytest.mark.parametrize("p", DEGREES)
def test_norms_at_the_zero_row(p):
    """Value, gradient, forward mode and Hessian are 0, of norm and of normalize."""

    @jax.jit
    def found(x):
        size = lambda x: a.norm(x, p=p)  # noqa: E731
        unit = lambda x: a.normalize(x, p=p)  # noqa: E731
        first = jax.grad(size)(x), jax.jacfwd(size)(x), jax.jacrev(unit)(x)
        second = jax.hessian(size)(x), jax.jacfwd(jax.jacrev(unit))(x)
        return size(x), unit(x), first, second

    assert not any(np.asarray(y).any() for y in jax.tree.leaves(found(jnp.zeros(3))))
    assert finite(found(np.float32([0, 2, -3])))


def test_a_zero_row_known_to_the_compiler():
    """XLA folds constants by other quotients: it had made 0 · ∞ of this row."""
    rows = np.float32([[3, 4], [0, 0]])
    unit = jax.jit(lambda: a.normalize(jnp.asarray(rows)))()
    np.testing.assert_allclose(unit, [[0.6, 0.8], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize("p", DEGREES)
def test_norms_of_every_size(p):
    """Rows of 1e-37 and of 1e37: value and slope are those of the row of 1."""
    row = np.array([3.0, -4.0, 0.5, 0.0])

    @jax.jit
    def found(x):
        size, slope = jax.value_and_grad(lambda x: a.norm(x, p=p))(x)
        return size, slope, a.normalize(x, p=p, eps=0.0)

    scales = 1e-37, 1.0, 4e37
    all_found = [found((row * s).astype(np.float32)) for s in scales]
    size = np.abs(row).max() if p == INF else (np.abs(row) ** p).sum() ** (1 / p)
    for s, (value, slope, unit) in zip(scales, all_found, strict=True):
        np.testing.assert_allclose(value, size * s, rtol=1e-6)
        np.testing.assert_allclose(slope, all_found[1][1], rtol=1e-6)
        np.testing.assert_allclose(unit, row / size, rtol=1e-6, atol=1e-7)


def test_normalize_has_torchs_eps():
    """A row shorter than eps is divided by eps; with NaN the row is NaN."""
    x = np.float32([[3e-3, 4e-3], [3, 4], [NAN, 1]])
    got = jax.jit(lambda x: a.normalize(x, eps=0.5))(x)
    np.testing.assert_allclose(got, [[6e-3, 8e-3], [0.6, 0.8], [NAN, NAN]], rtol=1e-6)
    slope = jax.jacfwd(lambda x: a.normalize(x, eps=0.5))(x[0])
    np.testing.assert_allclose(slope, 2 * np.eye(2))


def test_the_hessian_of_a_norm():
    """(1 − u uᵀ) / ‖x‖."""
    x = np.float32([1, 2, 2])
    u = x / 3
    expected = (np.eye(3) - np.outer(u, u)) / 3
    np.testing.assert_allclose(jax.hessian(a.norm)(x), expected, atol=1e-7)


ROWS = {
    "a large mean": 5e4 + np.array([1.0, -1.0, 0.5, 0.0]),
    "a small spread": 300 + np.array([0.01, -0.01, 0.02, 0.0]),
    "huge": 1e38 * np.array([1.0, -3.0, 2.0, 0.5]),
    "tiny": 1e-35 * np.array([1.0, -3.0, 2.0, 0.5]),
}


@pytest.mark.parametrize("name", ROWS)
def test_standardize_of_hard_rows(name):
    """4 ULP of the row's largest; jax.nn's fast variance is wrong by factors."""
    x = ROWS[name].astype(np.float32)
    wide = x.astype(np.longdouble)
    expected = (wide - wide.mean()) / np.sqrt(wide.var() + np.float32(1e-5))
    got, slope = jax.jit(lambda x: (a.standardize(x), jax.jacrev(a.standardize)(x)))(x)
    np.testing.assert_allclose(got, expected, atol=4 * 2**-23 * abs(expected).max())
    assert finite(slope)


def test_standardize_of_constant_and_masked_rows():
    """0 with finite derivatives, without epsilon too; NaN behind a mask stays there."""
    flat = jnp.full(3, 7.0)
    assert not a.standardize(flat, epsilon=0.0).any()
    assert finite(jax.jacrev(lambda x: a.standardize(x, epsilon=0.0))(flat))
    x = jnp.float32([[1.0, 3.0, NAN], [NAN, NAN, NAN]])
    where = jnp.array([[True, True, False], [False, False, False]])
    got = a.standardize(x, where=where)
    np.testing.assert_allclose(got[0], [-1, 1, NAN], rtol=1e-4)
    slope = jax.grad(lambda x: a.standardize(x, where=where)[0, :2] @ jnp.ones(2))(x)
    assert finite(slope)


@pytest.mark.parametrize("name", ["sparsemax", "entmax15", "softmin"])
def test_probabilities_sum_to_one_and_masks_hold(name):
    """Rows of one number, with -∞, of 1e8 twice, masked in whole, or NaN."""
    f = MAPS[name]
    far = INF if name == "softmin" else -INF  # what has no share
    x = jnp.float32([[1e8, 1e8, far], [2, 0, far], [5, 5, 5], [NAN, 1, 2]])
    where = jnp.ones((4, 3), bool).at[3].set(False).at[1, 1].set(False)

    @jax.jit
    def found(x):
        g = lambda x: f(x, where=where)  # noqa: E731
        slopes = jax.jacrev(g)(x), jax.jacfwd(g)(x)
        return f(x), g(x), slopes, jax.hessian(lambda x: g(x)[0, 0])(x)

    plain, masked, slopes, bend = found(x)
    np.testing.assert_allclose(plain[0], [0.5, 0.5, 0], rtol=1e-6)
    np.testing.assert_allclose(plain[:3].sum(-1), 1, rtol=1e-6)
    assert np.isnan(plain[3]).all()
    np.testing.assert_allclose(masked[1], [1, 0, 0], rtol=1e-6)
    assert not masked[3].any()
    assert finite(slopes, bend) and not slopes[0][3].any()


def test_sparse_maps_have_exact_zeros():
    """Entries far below are 0 with slope 0; Jacobians are diag(s) − s sᵀ/Σs."""
    x = np.float32([1.0, 0.6, 0.5, -3.0])

    @jax.jit
    def found(x):
        maps = a.sparsemax, a.entmax15
        return [(f(x), jax.jacrev(f)(x), jax.jacfwd(f)(x)) for f in maps]

    for k, (y, back, forward) in enumerate(found(x)):
        assert y[3] == 0 and (y[:3] > 0).all()
        s = np.sqrt(y) if k else (y > 0).astype(np.float32)
        expected = np.diag(s) - np.outer(s, s) / s.sum()
        np.testing.assert_allclose(back, expected, atol=2e-7)
        np.testing.assert_allclose(forward, expected, atol=2e-7)


def test_gumbel_samples_follow_the_logits():
    """One-hot rows as often as softmax says (5 σ); low temperatures agree with them."""
    logits, key = jnp.log(jnp.float32([0.2, 0.5, 0.3])), jax.random.key(3)
    x = jnp.broadcast_to(logits, (4000, 3))

    @jax.jit
    def found(x):
        hard = a.hard_gumbel_softmax(x, key=key)
        return hard, a.gumbel_softmax(x, temperature=1e-3, key=key)

    hard, cold = found(x)
    assert (np.sort(hard, -1) == [0, 0, 1]).all()
    np.testing.assert_allclose(hard.mean(0), [0.2, 0.5, 0.3], atol=5 * 0.5 / 4000**0.5)
    assert (np.argmax(cold, -1) == np.argmax(hard, -1)).all()


def test_hard_gumbel_softmax_has_the_soft_derivatives():
    """Straight through: the same Jacobian, and Hessian; masks hold."""
    x, key = jnp.float32([0.3, -1.0, 2.0]), jax.random.key(1)
    where = jnp.array([True, True, False])

    @jax.jit
    def found(x):
        fs = a.hard_gumbel_softmax, a.gumbel_softmax
        gs = [lambda x, f=f: f(x, temperature=0.7, where=where, key=key) for f in fs]
        return gs[0](x), [(jax.jacrev(g)(x), jax.hessian(g)(x)) for g in gs]

    y, (hard, soft) = found(x)
    assert sorted(y.tolist()) == [0, 0, 1] and y[2] == 0
    for h, s in zip(hard, soft, strict=True):
        np.testing.assert_allclose(h, s, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_rows(name, shape):
    """No rows, or rows of nothing, give what they are."""
    x = jnp.zeros(shape)
    assert MAPS[name](x).shape == shape
    assert jax.grad(lambda x: MAPS[name](x).sum())(x).shape == shape
