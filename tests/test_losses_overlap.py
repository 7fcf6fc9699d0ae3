"""Dice, Tversky, Jaccard and Lovász: empty masks, agreement, peers, derivatives."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import losses

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 5, 3)).astype(np.float32)
TARGETS = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, (2, 5))]


def derivatives(f, x):
    """Gradient by both modes, and the Hessian, in one compilation."""
    return jax.jit(lambda x: (jax.grad(f)(x), jax.jacfwd(f)(x), jax.hessian(f)(x)))(x)


def test_dice_losses_are_optaxs():
    """Value, weights, reductions and the generalized form, to float32's digits."""
    x, t = jnp.asarray(LOGITS), jnp.asarray(TARGETS)
    weights = jnp.array([1.0, 2.0, 0.5])
    calls = [
        lambda m: m.dice_loss(x, t, alpha=0.3, beta=0.7, class_weights=weights),
        lambda m: m.dice_loss(x, t, reduction="none", ignore_background=True),
        lambda m: m.dice_loss(x, t, reduction="sum", axis=(0, 1), smooth=0.25),
        lambda m: m.dice_loss(x[..., :1], t[..., 0]),
        lambda m: m.binary_dice_loss(x[..., 0], t[..., 0]),
        lambda m: m.multiclass_generalized_dice_loss(x, t, ignore_background=True),
    ]
    ours = jax.jit(lambda: [call(losses) for call in calls])()
    with jax.numpy_rank_promotion("allow"):
        theirs = [call(optax.losses) for call in calls]
    for got, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


def test_dice_of_probabilities_works_compiled_batched_and_for_one_class():
    """Optax's refuses to be compiled, and probabilities of one class unless all 1."""
    p, t = jax.nn.sigmoid(jnp.asarray(LOGITS[..., 0])), jnp.asarray(TARGETS[..., 0])

    def loss(p, t):
        return losses.binary_dice_loss(p, t, apply_sigmoid=False)

    expected = 1 - (np.sum(p * t, 1) + 1) / ((np.sum(p, 1) + np.sum(t, 1)) / 2 + 1)
    np.testing.assert_allclose(jax.jit(loss)(p, t), expected, rtol=1e-6)
    one = jax.vmap(lambda p, t: loss(p[None], t[None])[0])
    np.testing.assert_allclose(jax.jit(one)(p, t), expected, rtol=1e-6)


def test_agreement_keeps_its_digits():
    """A confident and right prediction costs its doubt, not 0."""
    x, e = 20 * (2 * jnp.asarray(TARGETS) - 1), np.exp(-40.0)
    got = losses.dice_loss(x, jnp.asarray(TARGETS), reduction="none")
    # 1 − p is 2e where it is right; where another class is right p is e.
    count = TARGETS.sum(1)
    expected = (2 * e * count + e * (5 - count)) / 2 / (count + 1)
    np.testing.assert_allclose(got, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["tversky_loss", "focal_tversky_loss", "jaccard_loss"])
def test_empty_masks_cost_nothing_with_finite_derivatives(name):
    """No mass on either side, perfect agreement, and an empty target."""
    p = jnp.array([[0.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.5, 0.2, 0.0]])
    t = jnp.array([[0.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    f = getattr(losses, name)
    assert f(p, t).tolist() == [0, 0, 1]
    for d in derivatives(lambda p: f(p, t).sum(), p):
        assert np.isfinite(d).all()


def test_dice_of_empty_masks_is_0_without_smoothing():
    """Predictions and targets of 0; and a place that is masked leaks nothing."""
    p = jnp.array([[[0.0], [0.0]], [[jnp.nan], [0.5]]])
    t = jnp.array([[[0.0], [0.0]], [[jnp.nan], [1.0]]])
    where = jnp.array([[True, True], [False, True]])

    def loss(p):
        y = losses.dice_loss(p, t, smooth=0.0, apply_softmax=False, where=where)
        return y.sum(), y

    (_, value), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(p)
    np.testing.assert_allclose(value, [0, 1 / 3], rtol=1e-6)
    assert np.isfinite(slope).all() and not np.any(slope[0]) and slope[1, 0, 0] == 0


def test_an_absent_class_does_not_take_all_the_weight():
    """Optax divides by 1e-7 there, and the loss is that of the absent class alone."""
    x = jnp.asarray(np.concatenate([LOGITS, np.full((2, 5, 1), -9.0)], -1), jnp.float32)
    t = jnp.asarray(np.concatenate([TARGETS, np.zeros((2, 5, 1))], -1), jnp.float32)
    with jax.numpy_rank_promotion("allow"):
        assert optax.losses.multiclass_generalized_dice_loss(x, t) < 0.01
    each = np.asarray(losses.dice_loss(x, t, reduction="none"))
    weight = np.append(1 / TARGETS.sum((0, 1)) ** 2, 0)
    weight[3] = weight.max()
    expected = np.mean(each * weight / weight.mean())
    got = losses.multiclass_generalized_dice_loss(x, t)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert got > 0.2


def hard_jaccard(p, t):
    """1 − IoU of hard masks; 0 / 0 = 0."""
    union = (p | t).sum(1)
    return np.where(union == 0, 0, 1 - (p & t).sum(1) / np.maximum(union, 1))


def test_lovasz_losses_are_the_jaccard_loss_at_the_corners():
    """Of every hard prediction and every target of three pixels."""
    corners = np.array(list(itertools.product([0, 1], repeat=3)))
    p, t = (a.reshape(-1, 3) for a in np.broadcast_arrays(corners[:, None], corners))

    @jax.jit
    def both(p, t):
        x = p.astype("float32")
        shares = jnp.stack([1 - x, x], -1)
        return losses.lovasz_hinge(2 * x - 1, t), losses.lovasz_softmax(shares, t)

    hinge, of_classes = both(jnp.asarray(p), jnp.asarray(t))
    each = np.stack([hard_jaccard(1 - p, 1 - t), hard_jaccard(p, t)])
    present = np.stack([(t == 0).any(1), (t == 1).any(1)])
    np.testing.assert_allclose(hinge, 2 * each[1], rtol=1e-6)  # errors of 0 and 2
    mean = (present * each).sum(0) / present.sum(0)
    np.testing.assert_allclose(of_classes, mean, rtol=1e-6)


def test_lovasz_losses_leave_out_what_is_masked():
    """Whatever stands there, labels beyond the classes too; no pixel at all gives 0."""
    x = jnp.array([[1.0, -2.0, jnp.nan], [jnp.nan] * 3, [0.0] * 3])
    t = jnp.array([[0, 0, 9], [-1, -1, -1], [0, 1, 2]])
    where = jnp.array([[True, True, False], [False] * 3, [True] * 3])

    @jax.jit
    def both(x):
        hinge, pull = jax.vjp(lambda x: losses.lovasz_hinge(x, t, where=where), x)
        shares = jnp.stack([x, 1 - x], -1)
        of_classes = losses.lovasz_softmax(shares, t, where=where)
        return hinge, pull(jnp.ones(3))[0], of_classes

    hinge, slope, of_classes = both(x)
    np.testing.assert_allclose(hinge[:2], [2, 0])
    np.testing.assert_allclose(slope[:2], [[1, 0, 0], [0, 0, 0]])
    assert of_classes[1] == 0 and np.isnan(of_classes[2])


def test_wrong_arguments_are_named():
    """Shapes, dtypes and reductions."""
    x, t = jnp.zeros((2, 3)), jnp.zeros((2, 4))
    with pytest.raises(ValueError, match="tversky_loss: probabilities and targets"):
        losses.tversky_loss(x, t)
    with pytest.raises(TypeError, match="jaccard_loss: probabilities must be floating"):
        losses.jaccard_loss(x.astype(int), x)
    with pytest.raises(ValueError, match="Did you mean 'mean'"):
        losses.dice_loss(x, x, reduction="maen")
    with pytest.raises(ValueError, match="lovasz_softmax: labels must have the shape"):
        losses.lovasz_softmax(x, jnp.zeros(3, int))
