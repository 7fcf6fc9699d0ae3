"""Boxes: disjoint, nested, identical, of no area; gradients; the peers' formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify

from assay import losses

NAMES = ["iou", "giou_loss", "diou_loss", "ciou_loss"]
HARD = np.array(  # pairs: identical, points, a line, far apart, nested, touching
    [
        [[0, 0, 1, 1], [0, 0, 1, 1]],
        [[1, 1, 1, 1], [1, 1, 1, 1]],
        [[1, 1, 1, 1], [3, 2, 3, 2]],
        [[0, 0, 2, 0], [1, 0, 3, 0]],
        [[0, 0, 1, 1], [1e6, 1e6, 1e6 + 1, 1e6 + 1]],
        [[0, 0, 4, 4], [1, 1, 2, 3]],
        [[0, 0, 1, 1], [1, 0, 2, 1]],
    ],
    np.float32,
)


def each(pairs):
    """What the four functions say of each pair."""
    return {n: getattr(losses, n)(pairs[:, 0], pairs[:, 1]) for n in NAMES}


def test_every_order_of_derivative_is_finite():
    """Value, gradient, forward mode and Hessian-vector products, in both boxes.

    Of the two losses that have all the parts: IoU, hull, distance and angle.
    """
    direction = jnp.asarray(np.random.default_rng(0).normal(size=HARD.shape), "float32")

    @jax.jit
    def orders(pairs):
        def total(pairs):
            a, b = pairs[:, 0], pairs[:, 1]
            return jnp.sum(losses.giou_loss(a, b) + losses.ciou_loss(a, b))

        forward = jax.jvp(total, (pairs,), (direction,))
        return *forward, *jax.jvp(jax.grad(total), (pairs,), (direction,))

    value, forward, slope, bend = orders(jnp.asarray(HARD))
    assert all(np.isfinite(x).all() for x in (value, forward, slope, bend))
    np.testing.assert_allclose(forward, np.vdot(slope, direction), rtol=1e-4)


def test_values_at_hard_pairs_at_any_scale():
    """Identical boxes cost 0, points 1 and their distance, far ones up to 2.

    By 2^90 and by 2^-90, where areas would overflow. And a pair that almost agrees,
    moved by one part in four million: 1 − IoU itself would be 0 or 2^-24.
    """
    moved = HARD[:1] + np.array([[[1, 0, 1, 0], [0, 0, 0, 0]]]) * 2.0**-22
    run = jax.jit(each)
    for scale in (1.0, 2.0**90, 2.0**-90):
        pairs = np.concatenate([HARD, moved]) * scale
        got = {n: np.asarray(y) for n, y in run(jnp.asarray(pairs, "float32")).items()}
        e = 2 * 2.0**-22
        overlap, hull = [1, 0, 0, 0, 0, 0.125, 0, 1], [0, 1, 2, 1, 2, 0.875, 1, e]
        np.testing.assert_allclose(got["iou"], overlap, rtol=1e-6)
        np.testing.assert_allclose(got["giou_loss"], hull, rtol=4e-6)
        centres = got["diou_loss"][[0, 1, 2, 3, 7]]
        np.testing.assert_allclose(centres, [0, 1, 2, 1 + 1 / 9, e], rtol=1e-6)
        assert got["ciou_loss"][0] == 0


def test_alpha_of_ciou_is_a_constant_in_its_derivative():
    """∂ciou = ∂diou + α ∂v, by differences of NumPy with α held."""
    a, b = np.array([0.0, 0.0, 3.0, 1.0]), np.array([1.0, 0.5, 2.5, 2.5])

    def v(a):
        turn = np.arctan(1.5 / 2) - np.arctan((a[2] - a[0]) / (a[3] - a[1]))
        return (2 / np.pi * turn) ** 2

    with jax.enable_x64(True):
        here, there = jnp.asarray(a), jnp.asarray(b)
        slope = jax.grad(losses.ciou_loss)(here, there)
        rest = jax.grad(losses.diou_loss)(here, there)
        apart = 1 - losses.iou(here, there).item()
    steps = 1e-6 * np.eye(4)
    moved = np.array([(v(a + s) - v(a - s)) / 2e-6 for s in steps])
    np.testing.assert_allclose(slope - rest, v(a) / (apart + v(a)) * moved, atol=1e-9)


def test_losses_are_torchvisions():
    """Of 50 random pairs, beside its ε of 1e-7."""
    torchvision = pytest.importorskip("torchvision", reason="the peer of this test")
    torch = pytest.importorskip("torch", reason="torchvision's arrays")
    corners = np.random.default_rng(0).uniform(0, 3, (2, 50, 2, 2))
    corners.sort(axis=2)
    a, b = corners.reshape(2, 50, 4).astype(np.float32)
    peers = {
        "giou_loss": torchvision.ops.generalized_box_iou_loss,
        "diou_loss": torchvision.ops.distance_box_iou_loss,
        "ciou_loss": torchvision.ops.complete_box_iou_loss,
    }
    for name, peer in peers.items():
        expected = peer(torch.tensor(a), torch.tensor(b)).numpy()
        got = getattr(losses, name)(jnp.asarray(a), jnp.asarray(b))
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_wrong_arguments_are_named():
    """Four numbers a box, of one shape, floating, and in order if checkify asks."""
    box = jnp.array([0.0, 0.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="giou_loss: predictions must have 4 numbers"):
        losses.giou_loss(box[:3], box[:3])
    with pytest.raises(ValueError, match="iou: predictions and targets must have"):
        losses.iou(box, box[None])
    with pytest.raises(TypeError, match="ciou_loss: predictions must be floating"):
        losses.ciou_loss(box.astype(int), box)
    error, _ = checkify.checkify(losses.diou_loss)(box, box[::-1])
    assert "diou_loss: targets must have x1 <= x2" in error.get()
