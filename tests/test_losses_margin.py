"""Margins and rankings: huge scores, labels that are no class, masks, empty lists."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import losses
from assay.verify import discover

INF, NAN = np.inf, np.nan
BY_LABEL = """multiclass_hinge_loss multiclass_perceptron_loss multi_margin_loss
multiclass_sparsemax_loss""".split()
LISTS = """list_mle_loss pairwise_logistic_loss pairwise_hinge_loss
approx_ndcg_loss""".split()


def named(name):
    return discover("losses")[name]


def test_a_margin_beside_huge_scores():
    """Two scores of 1e8, or 8 apart: the margin of 1 is not absorbed."""
    x, labels = jnp.array([[1e8, 1e8], [1e8, 1e8 - 8]]), jnp.array([0, 1])
    got = jax.jit(lambda x: [named(n)(x, labels) for n in BY_LABEL])(x)
    expected = [[1, 9], [0, 8], [0.5, 4.5], [0.25, 8]]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("name", BY_LABEL)
def test_rows_of_classes(name):
    """No class gives NaN; masked and impossible classes count nothing; labels there ∞.

    No True in a row: 0, with a slope of 0, whatever stands there.
    """
    f, x = named(name), jnp.array([[0.5, 0.0, 0.25], [NAN, INF, 2.0]])
    where = jnp.array([[True, True, False], [False, False, False]])
    labels = jnp.array([1, 0])

    def run(x):
        masked = f(x, labels, where=where)
        slope = jax.grad(lambda x: f(x, labels, where=where).sum())(x)
        cut = f(x.at[0, 2].set(-INF)[:1], labels[:1])
        lost = f(x[:1], labels[:1], where=jnp.array([[True, False, True]]))
        return masked, slope, f(x[:1, :2], labels[:1]), cut, lost, f(x, labels + 2)

    masked, slope, alone, cut, lost, outside = jax.jit(run)(x)
    assert masked.tolist() == [alone[0], 0] and alone[0] > 0
    assert slope[0, :2].any() and not slope[0, 2] and not slope[1].any()
    if name != "multi_margin_loss":  # which divides by the number of classes
        assert cut == alone
    assert lost == INF and np.isnan(outside[0]) and np.isnan(outside[1])


@pytest.mark.parametrize("name", BY_LABEL)
def test_labels_and_scores_are_judged(name):
    """Float labels, integer scores, a row too many, no examples."""
    f = named(name)
    with pytest.raises(TypeError, match=rf"^{name}: labels must be int"):
        f(jnp.zeros((4, 3)), jnp.zeros(4))
    with pytest.raises(TypeError, match=rf"^{name}: scores must be float"):
        f(jnp.zeros((4, 3), int), jnp.zeros(4, int))
    with pytest.raises(ValueError, match=rf"^{name}: labels must have the shape"):
        f(jnp.zeros((4, 3)), jnp.zeros(3, int))
    assert jax.eval_shape(f, jnp.zeros((0, 3)), jnp.zeros(0, int)).shape == (0,)


def test_multi_margin_knows_two_powers():
    """p = 3 raises."""
    with pytest.raises(
        ValueError, match=r"^multi_margin_loss: p must be 1 or 2; got 3"
    ):
        losses.multi_margin_loss(jnp.zeros((1, 2)), jnp.zeros(1, int), p=3)


def test_soft_margin_far_on_the_wrong_side():
    """log(1 + e^100) is 100, and its slope -1."""
    f = jax.value_and_grad(losses.soft_margin_loss)
    assert [float(v) for v in f(jnp.array(-100.0), jnp.array(1.0))] == [100, -1]


def test_sparsemax_gives_exact_zeros():
    """From a margin of 1 on: value and slope 0; the slope else is p − one_hot."""
    x, labels = jnp.array([[1.0, 0.0, -5.0], [0.5, 0.0, -5.0]]), jnp.array([0, 0])
    f = losses.multiclass_sparsemax_loss
    y, slope = f(x, labels), jax.grad(lambda x: f(x, labels).sum())(x)
    np.testing.assert_allclose(y, [0, 1 / 16])
    np.testing.assert_allclose(slope, [[0, 0, 0], [-0.25, 0.25, 0]])


def test_fenchel_young_passes_what_follows():
    """The arguments after the targets belong to max_fun; shapes must match."""
    loss = losses.make_fenchel_young_loss(lambda s, t: t * jnp.max(s / t))
    x = jnp.array([[3.0, 1.0], [0.0, 2.0]])
    assert loss(x, jnp.array([[0.0, 1.0], [0.0, 1.0]]), 2.0).tolist() == [2, 0]
    with pytest.raises(ValueError, match=r"^fenchel_young_loss: .*same shape"):
        loss(x, jnp.zeros(2), 1.0)


def test_multilabel_losses_without_labels():
    """All labels, none, or no class: no pair to compare costs nothing, without NaN."""
    x, labels = jnp.array([[0.5, NAN], [1.0, 2.0]]), jnp.array([[1, 0], [1, 1]])
    where = jnp.array([[False, False], [True, True]])
    for f, expected in (
        (losses.multilabel_margin_loss, 0),
        (losses.multilabel_soft_margin_loss, np.log1p(np.exp([-1.0, -2.0])).mean()),
    ):
        run = jax.value_and_grad(lambda x, f=f: f(x, labels, where=where).sum())
        y, slope = jax.jit(run)(x)
        np.testing.assert_allclose(y, expected, rtol=1e-6)
        assert not slope[0].any() and np.isfinite(slope).all()


@pytest.mark.parametrize("name", LISTS)
def test_short_and_empty_lists(name):
    """Items where `where` is False change nothing and get no slope, NaN included."""
    f = named(name)
    x, labels = (
        jnp.array([[1.0, 3.0, NAN], [NAN, INF, 2.0]]),
        jnp.array([[2, 0, 9]] * 2),
    )
    where = jnp.array([[True, True, False], [False, False, False]])

    def run(x):
        grad = jax.grad(lambda x: f(x, labels, where=where).sum())
        return f(x, labels, where=where), f(x[:1, :2], labels[:1, :2]), grad(x)

    got, alone, slope = jax.jit(run)(x)
    np.testing.assert_allclose(got, [alone[0], 0], rtol=1e-6)
    assert alone[0] > 0 and slope[0, :2].all()
    assert not slope[0, 2] and not slope[1].any()


def test_lists_that_no_ranking_can_improve():
    """All of one relevance: no pairs; no relevance at all: NDCG's loss is 0."""
    x, same = jnp.array([1.0, -2.0, 0.5]), jnp.zeros(3)
    for f in (
        losses.pairwise_logistic_loss,
        losses.pairwise_hinge_loss,
        losses.approx_ndcg_loss,
    ):
        y, slope = jax.value_and_grad(f)(x, same)
        assert y == 0 and not slope.any()


def test_ranking_softmax_reduces_over_lists_with_items():
    """The mean leaves empty lists out, and is 0 of none; None gives every list."""
    x = jnp.array([[2.0, 1.0], [1.0, NAN]])
    labels, where = jnp.ones((2, 2), int), jnp.array([[True, True], [False, False]])
    f = losses.ranking_softmax_loss
    each = f(x, labels, where=where, reduce_fn=None)
    assert each.shape == (2,) and each[1] == 0
    assert f(x, labels, where=where) == each[0]
    run = jax.value_and_grad(lambda x: f(x, labels, where=jnp.zeros((2, 2), bool)))
    y, slope = run(x)
    assert y == 0 and not slope.any()
    assert f(x[:1], labels[:1], reduce_fn=jnp.sum) == each[0]


def test_torch_agrees():
    """On ordinary numbers; its lists of classes are a sum of one-hot rows."""
    torch = pytest.importorskip("torch", reason="a peer, on its Pythons only")
    F, rng = torch.nn.functional, np.random.default_rng(0)
    x, labels = rng.normal(size=(6, 4)).astype(np.float32), rng.integers(0, 4, 6)
    lists = np.array([[0, 3, -1, -1], [1, -1, -1, -1], [2, 0, 1, -1]] * 2)
    several = np.asarray(jax.nn.one_hot(lists, 4).sum(-2))
    tx, each = torch.tensor(x), {"reduction": "none"}
    soft = F.multilabel_soft_margin_loss(tx, torch.tensor(several), **each)
    pairs = [
        (losses.multilabel_soft_margin_loss(x, several), soft),
        (
            losses.multilabel_margin_loss(x, several),
            F.multilabel_margin_loss(tx, torch.tensor(lists), **each),
        ),
    ]
    for p in (1, 2):
        got = losses.multi_margin_loss(x, labels, p=p, margin=0.5)
        told = {"p": p, "margin": 0.5, **each}
        pairs += [(got, F.multi_margin_loss(tx, torch.tensor(labels), **told))]
    for got, expected in pairs:
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-6)
