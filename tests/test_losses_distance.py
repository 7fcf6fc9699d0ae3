"""Angles, distances and contrasts: zero vectors, equal points, huge and tiny ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import losses
from assay.verify import discover

INF, NAN = np.inf, np.nan
ZERO, ONE = jnp.zeros(3), jnp.array([1.0, -2.0, 0.5])


def finite(f, *args):
    """Value, gradients by both modes and Hessians of every argument are finite."""
    n = tuple(range(len(args)))
    fs = (f, jax.grad(f, n), jax.jacfwd(f, n), jax.hessian(f, n))
    found = jax.jit(lambda *a: [g(*a) for g in fs])(*args)
    assert all(np.isfinite(part).all() for part in jax.tree.leaves(found))
    return found


@pytest.mark.parametrize("pair", [(ZERO, ONE), (ZERO, ZERO), (ONE, ONE)], ids=str)
def test_cosine_of_zero_vectors(pair):
    """0 beside a vector of zeros, with derivatives 0 by it: not 0/0."""
    known = pair[0].any()
    y, (slope, _), *_ = finite(losses.cosine_similarity, *pair)
    np.testing.assert_allclose(y, 1.0 if known else 0, atol=2e-7)
    assert known or not slope.any()
    np.testing.assert_allclose(
        finite(losses.cosine_distance, *pair)[0], 0.0 if known else 1, atol=2e-7
    )


def test_cosine_epsilon_is_the_least_norm():
    """‖p‖ = 1e-3 and ‖t‖ = 1 with epsilon 1e-2: a tenth; Optax has it of the square."""
    p, t = jnp.array([1e-3, 0.0]), jnp.array([1.0, 0.0])
    got = losses.cosine_similarity(p, t, epsilon=1e-2)
    np.testing.assert_allclose(got, 0.1, rtol=1e-6)
    got = losses.cosine_distance(p, t, epsilon=1e-2)
    np.testing.assert_allclose(got, 0.9, rtol=1e-6)


def test_cosine_distance_of_close_vectors():
    """An angle of 1e-4 is 5e-9 apart, where 1 − cos is 0; never below 0."""
    x = jnp.array([1.0, 0.0])
    got = jax.jit(losses.cosine_distance)(x, jnp.array([1.0, 1e-4]))
    np.testing.assert_allclose(got, 5e-9, rtol=1e-4)
    assert losses.cosine_distance(ONE, 3 * ONE) >= 0


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_norms_neither_overflow_nor_vanish(scale):
    """Vectors of 1e30 and of 1e-30 have their angles and distances."""
    a, b = scale * jnp.array([3.0, 0.0]), scale * jnp.array([0.0, 4.0])
    f = jax.jit(lambda a, b: [losses.pairwise_distance(a, b, p=p) for p in (1, 2, 3)])
    expected = scale * np.array([7, 5, 91 ** (1 / 3)])
    np.testing.assert_allclose(f(a, b), expected, rtol=1e-6)
    got = jax.jit(losses.cosine_similarity)(a, a + b)
    np.testing.assert_allclose(got, 0.6, rtol=1e-6)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, INF])
def test_distances_of_equal_points(p):
    """0 with derivatives 0, in every degree; the slope elsewhere has unit dual norm."""

    def f(x, y):
        return losses.pairwise_distance(x, y, p=p)

    y, (slope, _), *_ = finite(f, ONE, ONE)
    assert y == 0 and not slope.any()
    slope = jax.jit(jax.grad(f))(ONE, 0 * ONE)
    dual = {1: INF, INF: 1}.get(p) or p / (p - 1)
    np.testing.assert_allclose(np.linalg.norm(slope, dual), 1, rtol=1e-6)


def test_every_row_with_every_row():
    """cdist and pdist of points that coincide: finite slopes, zeros on the diagonal."""
    x = jnp.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    d, slope = jax.jit(lambda x: (losses.cdist(x, x), jax.jacrev(losses.pdist)(x)))(x)
    assert d.tolist() == [[0, 5, 0], [5, 0, 5], [0, 5, 0]]
    assert np.isfinite(slope).all() and not slope[1].any()


def test_degrees_and_shapes_are_judged():
    """p below 1, rows of unlike length, integers, one point too few."""
    with pytest.raises(ValueError, match=r"^pairwise_distance: p must be .*; got 0.5"):
        losses.pairwise_distance(ONE, ONE, p=0.5)
    with pytest.raises(ValueError, match=r"^cdist: x and y must have one shape but"):
        losses.cdist(jnp.zeros((2, 3)), jnp.zeros((2, 4)))
    with pytest.raises(TypeError, match=r"^cosine_similarity: targets must be float"):
        losses.cosine_similarity(ONE, jnp.ones(3, int))
    with pytest.raises(ValueError, match=r"^pdist: x must have two axes"):
        losses.pdist(ONE)
    assert losses.pdist(jnp.zeros((1, 3))).shape == (0,)


def test_masked_features_count_nothing():
    """NaN where `where` is False, and a row without any True: 0, 1, 0."""
    x = jnp.array([[3.0, NAN, 4.0], [NAN, NAN, NAN]])
    y = jnp.array([[4.0, INF, 3.0], [1.0, 1.0, 1.0]])
    where = jnp.array([[True, False, True], [False, False, False]])
    for f, expected in (
        (losses.cosine_similarity, [0.96, 0]),
        (losses.cosine_distance, [0.04, 1]),
        (losses.pairwise_distance, [2**0.5, 0]),
    ):
        run = jax.value_and_grad(lambda x, y, w, f=f: f(x, y, where=w).sum())
        total, slope = jax.jit(run)(x, y, where)
        np.testing.assert_allclose(total, sum(expected), rtol=1e-6)
        assert np.isfinite(slope).all() and not slope[1].any()


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize("swap", [False, True])
def test_triplets_of_any_degree(p, swap):
    """|x − y|^p, also for odd p: NumPy's norms; with eps 0 equal points have slopes."""
    rng = np.random.default_rng(p)
    a, q, n = rng.normal(size=(3, 6, 4)).astype(np.float32)
    near, far, third = (np.linalg.norm(d, p, -1) for d in (a - q, a - n, q - n))
    expected = np.maximum(near - (np.minimum(far, third) if swap else far) + 1, 0)

    def f(*rows):
        how = {"norm_degree": p, "eps": 0.0, "swap": swap}
        return losses.triplet_margin_loss(*rows, **how)

    np.testing.assert_allclose(jax.jit(f)(a, q, n), expected, rtol=1e-5, atol=1e-6)
    finite(f, ONE, ONE, ONE)


def test_pairs_that_belong_together_and_others():
    """cos 1 − 2e-8 for a label of 1 is not 0; zero vectors have slopes for both."""
    x, y = jnp.array([[1.0, 0.0]]), jnp.array([[1.0, 2e-4]])
    got = jax.jit(losses.cosine_embedding_loss)(x, y, jnp.array([1]))
    np.testing.assert_allclose(got, 2e-8, rtol=1e-4)
    f = losses.cosine_embedding_loss
    for label in (1, -1):
        finite(functools.partial(f, labels=jnp.array(label)), ZERO, ONE)


def test_ntxent_without_pairs_or_rivals():
    """No two of one label, or all of one: 0; finite slopes."""
    x = jnp.array([[1.0, 2.0], [0.0, 0.0], [-1.0, 0.5]])
    for labels in ([0, 1, 2], [0, 0, 0], [0, 0, 1]):
        f = jax.value_and_grad(lambda x, t=labels: losses.ntxent(x, jnp.array(t)))
        y, slope = jax.jit(f)(x)
        assert (y == 0) == (labels != [0, 0, 1]) and np.isfinite(slope).all()


def test_ntxent_of_a_sure_pair_keeps_its_digits():
    """Rivals e^(-2/0.07) away cost 4e-13 each, not 0."""
    x = jnp.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    got = jax.jit(losses.ntxent)(x, jnp.array([0, 0, 1, 1]))
    np.testing.assert_allclose(got, 2 * np.exp(-2 / np.float32(0.07)), rtol=1e-5)


def test_contrasts_of_a_batch():
    """One example alone is sure; clip is the mean of both ways; siglip counts all."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 4, 3)).astype(np.float32)
    one, other, both, sig = jax.jit(
        lambda x, y: (
            losses.info_nce(x, y),
            losses.info_nce(y, x),
            losses.clip_loss(x, y),
            losses.siglip_loss(x, y, scale=0.0, bias=0.0),
        )
    )(x, y)
    np.testing.assert_allclose(both, (one + other) / 2, rtol=1e-6)
    np.testing.assert_allclose(sig, 4 * np.log(2), rtol=1e-6)
    assert losses.info_nce(x[:1], y[:1]).tolist() == [0]
    with pytest.raises(ValueError, match=r"^info_nce: x and y must have the same"):
        losses.info_nce(x, y[:2])


def test_angular_margins():
    """No margin is cross-entropy; at a cosine of 1 ArcFace's slope is finite."""
    c, labels = jnp.array([[1.0, 0.5], [-1.0, 0.2]]), jnp.array([0, 0])
    plain = losses.softmax_cross_entropy_with_integer_labels(64 * c, labels)
    for f in (losses.arcface_loss, losses.cosface_loss):
        np.testing.assert_allclose(f(c, labels, margin=0.0), plain, rtol=1e-6)
        slope = jax.jit(jax.grad(lambda c, f=f: f(c, labels).sum()))(c)
        assert np.isfinite(slope).all()


def test_views_without_any_spread():
    """Constant features and a single example: finite values and slopes."""
    x = jnp.ones((3, 2)).at[0, 1].set(2.0)
    for f in (losses.barlow_twins_loss, losses.vicreg_loss):
        y, slope = jax.jit(jax.value_and_grad(f))(x, x)
        assert np.isfinite(y) and np.isfinite(slope).all()
        assert np.isfinite(f(x[:1], x[:1]))


PAIRS = """hinge_embedding_loss contrastive_loss cosine_similarity cosine_distance
pairwise_distance""".split()


@pytest.mark.parametrize("name", PAIRS)
def test_shapes_must_match(name):
    """(3,) against (3, 1) raises and names the loss."""
    with pytest.raises(ValueError, match=rf"^{name}: .*same shape"):
        discover("losses")[name](jnp.zeros(3), jnp.zeros((3, 1)))


def test_torch_agrees():
    """On ordinary numbers, with its names and defaults."""
    torch = pytest.importorskip("torch", reason="a peer, on its Pythons only")
    F, rng = torch.nn.functional, np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 8, 4)).astype(np.float32)
    s = rng.choice([-1.0, 1.0], 8).astype(np.float32)
    tx, ty, tz, ts = (torch.tensor(a) for a in (x, y, z, s))
    each = {"reduction": "none"}
    told = {"swap": True, "p": 3.0, "eps": 0.0, **each}
    how = {"swap": True, "norm_degree": 3, "eps": 0.0}
    for got, expected in (
        (losses.pairwise_distance(x + 1e-6, y), F.pairwise_distance(tx, ty)),
        (losses.pdist(x, p=3), F.pdist(tx, 3)),
        (losses.cdist(x, y, p=1), torch.cdist(tx, ty, 1)),
        (losses.cosine_similarity(x, y), F.cosine_similarity(tx, ty)),
        (
            losses.cosine_embedding_loss(x, y, s, margin=0.2),
            F.cosine_embedding_loss(tx, ty, ts, 0.2, **each),
        ),
        (
            losses.hinge_embedding_loss(x[:, 0], s),
            F.hinge_embedding_loss(tx[:, 0], ts, **each),
        ),
        (
            losses.margin_ranking_loss(x[:, 0], y[:, 0], s, margin=0.1),
            F.margin_ranking_loss(tx[:, 0], ty[:, 0], ts, 0.1, **each),
        ),
        (
            losses.triplet_margin_loss(x, y, z, **how),
            F.triplet_margin_loss(tx, ty, tz, **told),
        ),
    ):
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-6)
