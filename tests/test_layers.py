"""Layers: accuracy at large means, dropout's statistics, ids out of range, wording."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

BITS = jnp.array(list(itertools.product([0.0, 1.0], repeat=2)))
GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "xor": [0, 1, 1, 0]}


# Neurons ------------------------------------------------------------------------


def epochs(labels, at_threshold, count=12):
    """(weights, bias) after each epoch of the perceptron rule, by one scan."""

    def sample(params, xy):
        return layers.perceptron_rule(*params, *xy, at_threshold=at_threshold), None

    def epoch(params, _):
        params, _ = jax.lax.scan(sample, params, (BITS, jnp.array(labels, float)))
        return params, params

    start = jnp.zeros(2), jnp.zeros(())
    return jax.lax.scan(epoch, start, length=count)[1]


@pytest.mark.parametrize("at_threshold", [0.0, 1.0])
@pytest.mark.parametrize("gate", ["and", "or"])
def test_perceptron_learns_and_and_or(gate, at_threshold):
    """From zero, under both conventions at the threshold, and then stands still."""
    w, b = epochs(GATES[gate], at_threshold)
    y = layers.perceptron(BITS, w[-1], b[-1], at_threshold=at_threshold)
    assert y.tolist() == GATES[gate]
    assert (w[-1] == w[-2]).all()


@pytest.mark.parametrize("at_threshold", [0.0, 1.0])
def test_perceptron_cycles_on_xor(at_threshold):
    """No line separates XOR: never right after an epoch, and states come back."""
    w, b = epochs(GATES["xor"], at_threshold)
    seen = {(*row.tolist(), float(c)) for row, c in zip(w, b, strict=True)}
    assert len(seen) < 12
    for row, c in zip(w, b, strict=True):
        y = layers.perceptron(BITS, row, c, at_threshold=at_threshold)
        assert y.tolist() != GATES["xor"]


def test_lms_is_the_lectures():
    """L2's four rows from w = (0.2, -0.3), b = 0.1 at rate 0.1, in float64."""
    exact = [(0.3, -0.2, 0.2), (0.13, -0.03, 0.03), (0.217, -0.117, -0.057)]
    exact.append((0.3013, -0.0327, -0.1413))
    with jax.enable_x64(True):
        w, b = jnp.array([0.2, -0.3]), jnp.array(0.1)
        rows = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        for x, y, expected in zip(rows, (1, -1, -1, -1), exact, strict=True):
            w, b = layers.lms_step(w, b, jnp.array(x, float), y, learning_rate=0.1)
            np.testing.assert_allclose([*w, b], expected, rtol=1e-12)


def test_mcculloch_pitts_fires_at_the_threshold():
    """Sum = theta fires (L2's examples need >=); a whisper of inhibition silences."""
    w = jnp.ones(2)
    theta = layers.mcculloch_pitts_theta(2, 1, 0)
    assert layers.mcculloch_pitts(BITS, w, theta).tolist() == GATES["and"]
    assert layers.mcculloch_pitts(BITS, w, 1.0).tolist() == GATES["or"]
    no = jnp.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    assert layers.mcculloch_pitts(BITS, w, 1.0, no).tolist() == [0, 1, 0, 0]
    bits = BITS.astype(bool)
    assert layers.mcculloch_pitts(bits, w, 1.5).tolist() == GATES["and"]


def test_one_neuron_has_one_bias():
    """Several neurons are `dense`; the message says so, in the caller's name."""
    for f in (layers.neuron, layers.perceptron, layers.adaline):
        with pytest.raises(ValueError, match=f"{f.__name__}: .*dense, or vmap"):
            f(jnp.zeros((4, 3)), jnp.zeros((3, 2)), jnp.zeros(2))


# Dense, residual, flatten -------------------------------------------------------


def test_dense_rounds_once_in_half_precision():
    """1024 products of bfloat16 are summed in float32, and the sum rounded once."""
    x = jax.random.normal(jax.random.key(0), (4, 1024), jnp.bfloat16)
    w = jax.random.normal(jax.random.key(1), (1024, 8), jnp.bfloat16)
    y = layers.dense(x, w, jnp.ones(8, jnp.bfloat16))
    assert y.dtype == jnp.bfloat16
    true = np.asarray(x, np.float64) @ np.asarray(w, np.float64) + 1
    np.testing.assert_allclose(np.asarray(y, np.float64), true, rtol=2**-8)


def test_shapes_that_would_broadcast_raise():
    """A bias of one number, a stack of kernels, a residual of another size."""
    x, kernel = jnp.zeros((2, 3)), jnp.zeros((3, 4))
    with pytest.raises(ValueError, match=r"dense: bias must have .*\(4,\)"):
        layers.dense(x, kernel, jnp.zeros(1))
    with pytest.raises(ValueError, match="dense: kernel must have the axes"):
        layers.dense(x, jnp.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match=r"residual: x and f\(x\) must have the same"):
        layers.residual(x, lambda v: v[:1])
    with pytest.raises(ValueError, match="flatten: x must have at least 3 axes"):
        layers.flatten(x)


def test_residual_passes_the_gradient():
    """Through 50 layers that each shrink the gradient to 1 %, at least 1 arrives."""

    def deep(x, join):
        for _ in range(50):
            x = join(x, lambda v: 0.01 * v)
        return x

    assert jax.grad(deep)(1.0, lambda x, f: f(x)) < 1e-30
    assert jax.grad(deep)(1.0, layers.residual) > 1


@pytest.mark.parametrize("batch", [(), (0,), (2, 3)])
def test_batch_axes(batch):
    """None, an empty one, several."""
    assert layers.flatten(jnp.zeros((*batch, 4, 5, 6))).shape == (*batch, 120)
    assert layers.dense(jnp.zeros((*batch, 3)), jnp.zeros((3, 4))).shape == (*batch, 4)
    one, none = jnp.ones(3), jnp.zeros(3)
    assert layers.layer_norm(jnp.zeros((*batch, 3)), one, none).shape == (*batch, 3)
    dropped = layers.dropout(jnp.ones((*batch, 3)), rate=0.5, key=jax.random.key(0))
    assert dropped.shape == (*batch, 3)


# Normalization ------------------------------------------------------------------


def exactly_normal(x, axes, eps):
    x = np.asarray(x, np.float64)
    off = x - x.mean(axes, keepdims=True)
    off = off - off.mean(axes, keepdims=True)
    return off / np.sqrt((off**2).mean(axes, keepdims=True) + eps)


@pytest.mark.parametrize("mean", [0.0, 1e2, 1e4, -1e4])
@pytest.mark.parametrize("spread", [1.0, 1e-2])
@pytest.mark.parametrize("kind", ["layer", "batch"])
def test_norms_are_right_at_large_means(kind, spread, mean):
    """1e-5 of the row's largest entry, where one-pass variance is off by thousands."""
    x = mean + spread * jax.random.normal(jax.random.key(0), (64, 48), jnp.float32)
    one, zero = jnp.ones(48), jnp.zeros(48)
    if kind == "layer":
        y, true = layers.layer_norm(x, one, zero), exactly_normal(x, -1, 1e-6)
        largest = np.abs(true).max(-1, keepdims=True)
    else:
        y, _ = layers.batch_norm(x, one, zero, layers.BatchStats(zero, one))
        true = exactly_normal(x, 0, 1e-5)
        largest = np.abs(true).max(0, keepdims=True)
    assert (np.abs(np.asarray(y, np.float64) - true) <= 1e-5 * largest).all()


@pytest.mark.parametrize("scale", [1e20, 1e30, 3e37])
def test_layer_norm_of_huge_rows(scale):
    """Squares would overflow; float32's own numbers do not."""
    x = scale * jax.random.normal(jax.random.key(0), (3, 40), jnp.float32)
    y = layers.layer_norm(x, jnp.ones(40), jnp.zeros(40))
    np.testing.assert_allclose(y, exactly_normal(x, -1, 0), rtol=1e-5, atol=1e-6)


def test_layer_norm_of_huge_rows_that_hardly_vary():
    """One entry of 300 is the next float: right, with a finite gradient."""
    x = np.full((1, 300), 1e20, np.float32)
    x[0, 5] = np.nextafter(x[0, 5], np.float32(0))
    y, pull = jax.vjp(lambda v: layers.layer_norm(v, None, None), jnp.asarray(x))
    np.testing.assert_allclose(y, exactly_normal(x, -1, 0), rtol=1e-5)
    assert jnp.isfinite(pull(jnp.sin(y))[0]).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_constant_rows_give_0_with_finite_gradients(dtype):
    """No spread, no output; no NaN in value, gradient or second derivative."""
    values = jnp.array([[0.0], [3.0], [1e4], [1e20], [-3e38]], dtype)
    x = jnp.broadcast_to(values, (5, 7))
    one, zero = jnp.ones(7, dtype), jnp.zeros(7, dtype)

    def total(v):
        return jnp.sum(jnp.sin(layers.layer_norm(v, one, zero)))

    assert (layers.layer_norm(x, one, zero) == 0).all()
    slope, bend = jax.jvp(jax.jit(jax.grad(total)), (x,), (jnp.ones_like(x),))
    assert jnp.isfinite(slope).all() and jnp.isfinite(bend).all()
    stats = layers.BatchStats(jnp.zeros(5, dtype), jnp.ones(5, dtype))
    y, _ = layers.batch_norm(x.T, None, None, stats)
    assert (y == 0).all()


def test_half_precision_keeps_float32_statistics():
    """bfloat16 [256, 260] has a spread that its own sums would lose."""
    x = jnp.array([[256.0, 258.0, 260.0, 258.0]], jnp.bfloat16)
    y = layers.layer_norm(x, jnp.ones(4, jnp.bfloat16), jnp.zeros(4, jnp.bfloat16))
    true = exactly_normal(x, -1, 1e-6)
    np.testing.assert_allclose(np.asarray(y, np.float64), true, rtol=2**-8)
    stats = layers.BatchStats(jnp.zeros(1), jnp.ones(1))
    y, new = layers.batch_norm(x.T, jnp.ones(1), jnp.zeros(1), stats, momentum=0.0)
    assert y.dtype == jnp.bfloat16 and new.mean.dtype == jnp.float32
    assert new.mean == 258 and new.var == 2


def test_running_statistics():
    """momentum·old + (1 - momentum)·new; the variance is divided by n."""
    stats = layers.BatchStats(jnp.array([1.0]), jnp.array([3.0]))
    x = jnp.array([[[2.0], [4.0]], [[6.0], [8.0]]])  # mean 5, variance 5
    _, new = layers.batch_norm(x, None, None, stats, momentum=0.75)
    assert new.mean == 0.75 * 1 + 0.25 * 5 and new.var == 0.75 * 3 + 0.25 * 5


def test_training_statistics_reach_inference():
    """After many batches of mean 5 and deviation 2, inference standardizes by those."""
    stats = layers.BatchStats(jnp.zeros(3), jnp.ones(3))
    x = 5 + 2 * jax.random.normal(jax.random.key(0), (100, 64, 3))
    one, zero = jnp.ones(3), jnp.zeros(3)

    def step(stats, batch):
        y, stats = layers.batch_norm(batch, one, zero, stats, momentum=0.9)
        return stats, y

    stats, _ = jax.lax.scan(step, stats, x)
    y = layers.batch_norm_inference(x, one, zero, stats)
    np.testing.assert_allclose(y.mean((0, 1)), 0, atol=0.1)
    np.testing.assert_allclose(y.std((0, 1)), 1, atol=0.1)


def test_an_empty_batch_leaves_the_statistics():
    """No example, no opinion; not NaN for ever after."""
    stats = layers.BatchStats(jnp.full(3, 2.0), jnp.full(3, 4.0))
    y, new = layers.batch_norm(jnp.zeros((0, 3)), jnp.ones(3), jnp.zeros(3), stats)
    assert y.shape == (0, 3)
    assert (new.mean == 2).all() and (new.var == 4).all()


def test_norms_name_what_is_wrong():
    """The argument, the size it should have, and the size it has."""
    x = jnp.zeros((2, 3))
    stats = layers.BatchStats(jnp.zeros(3), jnp.ones(3))
    with pytest.raises(
        ValueError, match=r"layer_norm: scale must have.*\(3,\).*\(2,\)"
    ):
        layers.layer_norm(x, jnp.ones(2), None)
    with pytest.raises(ValueError, match="axis must name axes of x"):
        layers.layer_norm(x, None, None, axis=2)
    with pytest.raises(ValueError, match=r"batch_norm: bias must have"):
        layers.batch_norm(x, None, jnp.ones(1), stats)
    with pytest.raises(ValueError, match="batch_norm: stats must have"):
        layers.batch_norm(x, None, None, layers.BatchStats(jnp.zeros(1), jnp.ones(1)))
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\]; got 2"):
        layers.batch_norm(x, None, None, stats, momentum=2)
    with pytest.raises(TypeError, match="layer_norm: x must be floating point"):
        layers.layer_norm(jnp.zeros((2, 3), jnp.int32), None, None)


# Dropout ------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_the_rate(rate):
    """A million draws: the share dropped and the mean, within 5 standard errors."""
    n = 1 << 20
    y = layers.dropout(jnp.ones(n), rate=rate, key=jax.random.key(3))
    error = np.sqrt(rate * (1 - rate) / n)
    assert abs(float((y == 0).mean()) - rate) < 5 * error + 2**-17
    assert abs(float(y.mean()) - 1) < 5 * error / (1 - rate)
    halves = (y == 0).reshape(2, -1)  # from the low and the high 16 bits
    both = float((halves[0] & halves[1]).mean())
    assert abs(both - rate**2) < 5 * np.sqrt(rate**2 / n * 2)


def test_neighbours_are_dropped_independently():
    """Rows, columns, and the two halves of a word: no correlation beyond 5 σ."""
    y = layers.dropout(jnp.ones((512, 512)), rate=0.5, key=jax.random.key(0)) - 1
    for other in (jnp.roll(y, 1, 0), jnp.roll(y, 1, 1), jnp.roll(y, 256, 1)):
        assert abs(float((y * other).mean())) < 5 / 512


@pytest.mark.parametrize("rate", [0, 0.0, 1, 1.0])
def test_dropout_at_the_ends(rate):
    """Rate 0 is the identity, rate 1 is 0; the gradient of both is finite."""
    x = jnp.array([1.0, -2.0, 3e38])
    f = lambda v: layers.dropout(v, rate=rate, key=jax.random.key(0))  # noqa: E731
    assert f(x).tolist() == [v * (1 - rate) for v in x.tolist()]
    assert jax.grad(lambda v: f(v).sum())(x).tolist() == [1 - rate] * 3
    many = layers.dropout(jnp.ones(1 << 20), rate=rate, key=jax.random.key(0))
    assert (many == 1 - rate).all()  # a chance of 1/65536 to err would show


def test_dropped_units_are_0_whatever_they_held():
    """Infinity and NaN are dropped like any number, without a NaN gradient."""
    x = jnp.where(jnp.arange(100) % 2 == 0, jnp.inf, jnp.nan)
    f = lambda v: layers.dropout(v, rate=1.0, key=jax.random.key(0))  # noqa: E731
    assert (f(x) == 0).all()
    assert (jax.grad(lambda v: f(v).sum())(x) == 0).all()


def test_dropout_takes_a_traced_rate():
    """A sweep over rates is one vmap; each equals its Python rate."""
    x, key = jnp.ones(64), jax.random.key(0)
    rates = jnp.array([0.0, 0.3, 1.0])
    swept = jax.jit(jax.vmap(lambda r: layers.dropout(x, rate=r, key=key)))(rates)
    for row, rate in zip(swept, rates.tolist(), strict=True):
        assert (row == layers.dropout(x, rate=rate, key=key)).all()


def test_dropout_never_drops_all_below_rate_1():
    """0.999999 rounds to 65535/65536 and not to 1, so that the mean stays."""
    y = layers.dropout(jnp.ones(1 << 20), rate=0.999999, key=jax.random.key(0))
    assert set(np.unique(y)) == {0.0, 65536.0}


@pytest.mark.parametrize("rate", [-0.1, 1.5, 50])
def test_dropout_refuses_what_is_no_probability(rate):
    """A percentage is the usual slip."""
    with pytest.raises(ValueError, match=r"dropout: rate must be in \[0, 1\]"):
        layers.dropout(jnp.ones(3), rate=rate, key=jax.random.key(0))


def test_dropout_is_the_same_under_jit_vmap_and_scan():
    """One key, one mask."""
    x, keys = jnp.ones(37), jax.random.split(jax.random.key(0), 3)
    f = lambda k: layers.dropout(x, rate=0.4, key=k)  # noqa: E731
    loop = jnp.stack([f(k) for k in keys])
    assert (jax.jit(jax.vmap(f))(keys) == loop).all()
    assert (jax.lax.scan(lambda c, k: (c, f(k)), 0, keys)[1] == loop).all()


# Embedding ----------------------------------------------------------------------


@pytest.mark.parametrize("bad", [3, -1])
def test_embedding_out_of_range(bad):
    """Raises where ids are known; a row of NaN under jit, the others untouched."""
    ids, table = jnp.array([0, bad, 2]), jnp.arange(6.0).reshape(3, 2)
    with pytest.raises(
        ValueError, match=rf"embedding: ids must be in \[0, 3\); got {bad}"
    ):
        layers.embedding(ids, table)
    y = jax.jit(layers.embedding)(ids, table)
    assert jnp.isnan(y[1]).all()
    assert y[jnp.array([0, 2])].tolist() == [[0, 1], [4, 5]]
    slope = jax.jit(jax.grad(lambda t: jnp.nansum(layers.embedding(ids[::2], t))))(
        table
    )
    assert slope.tolist() == [[1, 1], [0, 0], [1, 1]]


@pytest.mark.parametrize("dtype", [jnp.int8, jnp.uint8, jnp.int32, jnp.uint32])
def test_embedding_takes_narrow_ids(dtype):
    """int8 cannot hold 300, the size of the table that stands for 'outside'."""
    table = jnp.arange(300.0).reshape(300, 1)
    ids = jnp.array([0, 5, 127], dtype)
    assert jax.jit(layers.embedding)(ids, table)[:, 0].tolist() == [0, 5, 127]
    if jnp.issubdtype(dtype, jnp.signedinteger):
        assert jnp.isnan(jax.jit(layers.embedding)(-ids[1:], table)).all()


def test_embedding_refuses_floats():
    """Ids are numbers of rows."""
    with pytest.raises(TypeError, match="embedding: ids must be integers"):
        layers.embedding(jnp.zeros(3), jnp.zeros((3, 2)))
