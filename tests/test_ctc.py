"""CTC: impossible, repeated, empty, masked; every order of derivative; the decoders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify

from assay import losses

INF = np.inf
RNG = np.random.default_rng(0)


def paddings(size, *counts):
    """1 beyond each row's count."""
    return (np.arange(size)[None] >= np.array(counts)[:, None]).astype(np.float32)


LOGITS = RNG.normal(size=(5, 7, 4)).astype(np.float32)
LENGTHS, COUNTS = (7, 6, 2, 0, 3), (3, 0, 3, 0, 2)  # the third is impossible
LABELS = np.array([[1, 1, 3], [2, 2, 2], [1, 2, 3], [1, 1, 1], [2, 2, -1]])
REST = paddings(7, *LENGTHS), LABELS, paddings(3, *COUNTS)
POSSIBLE = np.array([True, True, False, True, True])


@jax.jit
def run(logits):
    """The losses of the five examples, and their gradients."""
    value, pull = jax.vjp(loss, logits)
    return value, pull(jnp.ones(5))[0]


def loss(logits):
    """The losses of the five examples."""
    return losses.ctc_loss(logits, *map(jnp.asarray, REST))


def test_values_and_gradients_are_torchs():
    """Too few frames, repeats, no labels, no frames, and what padding holds."""
    torch = pytest.importorskip("torch", reason="torch is the peer of this test")
    logits = np.where(REST[0][..., None] == 1, np.nan, LOGITS)
    x = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    expected = torch.nn.functional.ctc_loss(
        x.log_softmax(-1).transpose(0, 1),
        torch.tensor(np.maximum(LABELS, 0)),
        torch.tensor(LENGTHS),
        torch.tensor(COUNTS),
        reduction="none",
        zero_infinity=True,
    )
    expected.sum().backward()
    value, slope = map(np.asarray, run(jnp.asarray(logits)))
    assert value[2] == INF and value[3] == 0 and not np.any(slope[2:4])
    finite = np.where(np.isinf(value), 0, value)
    np.testing.assert_allclose(finite, expected.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(slope, x.grad.numpy(), atol=1e-6)


def test_every_order_of_derivative_is_finite_at_impossible_examples():
    """Forward over reverse is reverse over reverse, and 0 where there is no path."""

    def total(x):
        y = loss(x)
        return jnp.sum(jnp.where(jnp.isinf(y), 0, y))

    x, v = jnp.asarray(LOGITS), jnp.asarray(RNG.normal(size=LOGITS.shape), jnp.float32)

    @jax.jit
    def orders(x):
        slope, bend = jax.jvp(jax.grad(total), (x,), (v,))
        again = jax.grad(lambda x: jax.jvp(total, (x,), (v,))[1])(x)
        return slope, bend, again, jax.jvp(loss, (x,), (v,))[1]

    slope, bend, again, forward = map(np.asarray, orders(x))
    assert all(np.isfinite(a).all() for a in (slope, bend, again, forward))
    np.testing.assert_allclose(bend, again, atol=2e-6)
    np.testing.assert_allclose(forward.sum(), np.vdot(slope, v), atol=1e-5)
    assert not np.any(slope[2]) and not np.any(bend[2]) and forward[2] == 0


def test_an_unused_class_of_probability_0_changes_nothing():
    """A class in no label: its logit of -∞ gives what -1e4 gives, derivatives too."""
    never, hardly = LOGITS.copy(), LOGITS.copy()
    never[0, :, 2], hardly[0, :, 2] = -INF, -1e4
    (value, slope), (expected, inner) = map(run, map(jnp.asarray, (never, hardly)))
    assert value[0] == expected[0] and np.isfinite(slope).all()
    np.testing.assert_array_equal(slope, inner)


def test_a_used_class_of_probability_0_makes_it_impossible():
    """Loss ∞ with gradient 0 everywhere."""
    value, slope = run(jnp.asarray(LOGITS).at[0, :, 3].set(-INF))
    assert value[0] == INF and not np.any(slope[0])


def test_a_thousand_confident_frames_keep_their_digits():
    """Where every path but one is improbable, the loss is the sum of small costs."""
    path = np.repeat(np.arange(1, 5), 250)
    logits = 20 * np.eye(5, dtype=np.float32)[path][None]
    labels = jnp.array([[1, 2, 3, 4]])
    got = jax.jit(losses.ctc_loss)(
        jnp.asarray(logits), jnp.zeros((1, 1000)), labels, jnp.zeros((1, 4))
    )
    # Each frame may fail in 4 ways; a border may move or hold a blank on either side,
    # and the ends may be blanks: 14 ways that collapse to the same labels.
    expected = (4 * 1000 - 3 * 4 - 2) * np.exp(-20.0)
    np.testing.assert_allclose(got[0], expected, rtol=1e-5)


@pytest.mark.parametrize("bad", [0, 4, -1])
def test_a_label_that_is_the_blank_or_no_class_gives_nan(bad):
    """Of its example alone; and checkify says why."""
    args = jnp.zeros((2, 3, 4)), jnp.zeros((2, 3)), jnp.array([[1], [bad]])
    args = *args, jnp.zeros((2, 1))
    error, y = jax.jit(checkify.checkify(losses.ctc_loss))(*args)
    assert np.isfinite(y[0]) and np.isnan(y[1])
    assert "ctc_loss: labels must be in [0, 4) and not the blank 0" in error.get()


def test_half_precision_is_rounded_once():
    """float16 and bfloat16 logits give the float32 loss of those numbers, rounded."""
    for dtype in (jnp.float16, jnp.bfloat16):
        x = jnp.asarray(LOGITS, dtype)
        np.testing.assert_array_equal(loss(x), loss(x.astype("float32")).astype(dtype))


def test_wrong_arguments_are_named():
    """Shapes, dtypes and the blank."""
    x, pads = jnp.zeros((2, 3, 4)), jnp.zeros((2, 3))
    labels, unused = jnp.ones((2, 2), int), jnp.zeros((2, 2))
    with pytest.raises(ValueError, match="ctc_loss: logits, logit_paddings"):
        losses.ctc_loss(x, pads, labels, unused[:1])
    with pytest.raises(TypeError, match="ctc_loss: logits must be floating"):
        losses.ctc_loss(x.astype(int), pads, labels, unused)
    with pytest.raises(ValueError, match="ctc_loss: blank_id must be in"):
        losses.ctc_loss(x, pads, labels, unused, blank_id=4)
    with pytest.raises(ValueError, match="ctc_greedy_decode: logits must be"):
        losses.ctc_greedy_decode(x, pads[:1])
    with pytest.raises(ValueError, match="ctc_beam_decode: beam_width must be"):
        losses.ctc_beam_decode(x, pads, beam_width=0)


def test_beam_search_sums_over_paths_and_greedy_does_not():
    """Blank is the likeliest path, 1 the likeliest labelling; the loss agrees."""
    x = jnp.log(jnp.array([[[0.6, 0.4], [0.6, 0.4]]]))
    pads = jnp.zeros((1, 2))

    @jax.jit
    def both(x):
        best = losses.ctc_beam_decode(x, pads, beam_width=3)
        cost = losses.ctc_loss(x, pads, best.labels[:, 0], best.label_paddings[:, 0])
        return losses.ctc_greedy_decode(x, pads), best, cost

    greedy, best, cost = both(x)
    assert greedy.label_paddings.tolist() == [[1, 1]]
    assert best.labels.tolist() == [[[1, 0], [0, 0], [0, 0]]]
    np.testing.assert_allclose(-cost, best.log_probabilities[:, 0], rtol=1e-6)
    np.testing.assert_allclose(np.exp(best.log_probabilities), [[0.64, 0.36, 0]])


def test_a_narrow_beam_finds_the_likeliest_labels_of_a_long_sequence():
    """Against the loss of the true labels, over 60 frames and 8 classes."""
    labels = np.array([[3, 3, 1, 7, 2, 5]])
    path = np.zeros(60, int)
    path[5::10], path[6::10] = labels, labels
    noise = np.random.default_rng(1).normal(size=(1, 60, 8))
    x = jnp.asarray(noise + 6 * np.eye(8)[path], jnp.float32)
    pads, none = jnp.zeros((1, 60)), jnp.zeros((1, 6))
    best = jax.jit(losses.ctc_beam_decode)(x, pads)
    cost = jax.jit(losses.ctc_loss)(x, pads, jnp.asarray(labels), none)
    assert best.labels[0, 0, :6].tolist() == labels[0].tolist()
    assert best.label_paddings[0, 0].tolist() == [0] * 6 + [1] * 54
    cost = losses.ctc_loss(
        x, jnp.zeros((1, 60)), jnp.asarray(labels), jnp.zeros((1, 6))
    )
    np.testing.assert_allclose(best.log_probabilities[0, 0], -cost[0], rtol=0.05)
    assert best.log_probabilities[0, 0] <= -cost[0] + 1e-5
