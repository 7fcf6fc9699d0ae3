"""Recurrent layers: torch's numbers, masks, reverse, both directions, wording."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

INPUTS, UNITS, BATCH, TIME = 3, 4, 2, 6
CELLS = {
    "rnn": (layers.rnn_cell, layers.RNNParams, 1),
    "lstm": (layers.lstm_cell, layers.LSTMParams, 4),
    "gru": (layers.gru_cell, layers.GRUParams, 3),
    "gru_before": (layers.gru_reset_before_cell, layers.GRUParams, 3),
}
every_cell = pytest.mark.parametrize("name", CELLS)


def drawn(*shape, seed=0, scale=0.5):
    rng = np.random.default_rng([seed, *shape])
    return jnp.asarray(scale * rng.standard_normal(shape), jnp.float32)


def make(name, seed=0):
    """(cell, params) of a small cell."""
    cell, kind, gates = CELLS[name]
    width = UNITS * gates
    biases = [drawn(width, seed=seed + 2 + i) for i in range(len(kind._fields) - 2)]
    kernel, inner = drawn(INPUTS, width, seed=seed), drawn(UNITS, width, seed=seed + 1)
    return cell, kind(kernel, inner, *biases)


def start(params, x):
    """A carry that is not zero, so that losing it would show."""
    zero = layers.zero_carry(params, x[..., 0, :])
    return jax.tree.map(lambda leaf: leaf + 0.3, zero)


def same(got, expected):
    """Bit for bit, leaf for leaf."""
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True)
    return all(bool((g == e).all()) for g, e in pairs)


X = drawn(BATCH, TIME, INPUTS, seed=9, scale=1.0)
MASK = layers.lengths_to_mask(jnp.array([4, 6]), TIME)


# The lecture, torch, Keras ------------------------------------------------------


def test_the_lectures_rnn():
    """L2: W_x = W_h = 1, b = 0, h_0 = 0 over 1, 2, 3."""
    with jax.enable_x64(True):
        params = layers.RNNParams(jnp.ones((1, 1)), jnp.ones((1, 1)), jnp.zeros(1))
        x = jnp.array([[1.0], [2.0], [3.0]])
        _, y = layers.recurrent(layers.rnn_cell, params, jnp.zeros(1), x)
    exact = [0.7615941559557649, 0.9920455700292888, 0.9993185480009414]
    np.testing.assert_allclose(y[:, 0], exact, rtol=1e-15)


def torch_layer(kind, params, directions=1):
    """torch.nn.LSTM or GRU with our weights; its bias_hh is 0 for the LSTM."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    layer = getattr(torch.nn, kind)(
        INPUTS, UNITS, batch_first=True, bidirectional=directions == 2
    )
    with torch.no_grad():
        for p, tail in zip(params, ("_l0", "_l0_reverse"), strict=False):
            leaves = [np.asarray(leaf) for leaf in p]
            again = leaves[3] if kind == "GRU" else np.zeros_like(leaves[2])
            weights = (leaves[0].T, leaves[1].T, leaves[2], again)
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            for n, w in zip(names, weights, strict=True):
                getattr(layer, n + tail).copy_(torch.tensor(w))
    return lambda x: layer(torch.tensor(np.asarray(x)))[0].detach().numpy()


@pytest.mark.parametrize(("kind", "name"), [("LSTM", "lstm"), ("GRU", "gru")])
def test_torch_agrees(kind, name):
    """The gate orders i f g o and r z n are torch's: weights go over transposed."""
    cell, params = make(name)
    expected = torch_layer(kind, [params])(X)
    carry = layers.zero_carry(params, X[:, 0])
    _, y = layers.recurrent(cell, params, carry, X)
    np.testing.assert_allclose(y, expected, atol=1e-6)


@pytest.mark.parametrize(("kind", "name"), [("LSTM", "lstm"), ("GRU", "gru")])
def test_torch_agrees_in_both_directions(kind, name):
    """Features of the forward pass first, then those of the reverse pass."""
    (cell, ahead), (_, back) = make(name), make(name, seed=50)
    expected = torch_layer(kind, [ahead, back], directions=2)(X)
    zero = layers.zero_carry(ahead, X[:, 0])
    _, y = layers.bidirectional(cell, (ahead, back), (zero, zero), X)
    np.testing.assert_allclose(y, expected, atol=1e-6)


def test_reset_before_is_keras_reset_after_false():
    """Keras's GRU(reset_after=False) in NumPy: gates z r h, one bias, reset first."""
    cell, params = make("gru_before")
    w, u, b, again = (np.asarray(p, np.float64) for p in params)
    r_z_n = lambda a: np.split(a, 3, axis=-1)  # noqa: E731
    sigmoid = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
    (wr, wz, wn), (ur, uz, un), (br, bz, bn) = r_z_n(w), r_z_n(u), r_z_n(b + again)
    h = np.full((BATCH, UNITS), 0.3)
    for t in range(TIME):
        x = np.asarray(X[:, t], np.float64)
        z, r = sigmoid(x @ wz + bz + h @ uz), sigmoid(x @ wr + br + h @ ur)
        candidate = np.tanh(x @ wn + bn + (r * h) @ un)
        h = z * h + (1 - z) * candidate
    last, _ = layers.recurrent(cell, params, start(params, X), X)
    np.testing.assert_allclose(last, h, atol=1e-6)
    after, _ = layers.recurrent(layers.gru_cell, params, start(params, X), X)
    assert abs(after - h).max() > 1e-3  # the two conventions are not the same


# Masks --------------------------------------------------------------------------


@every_cell
@pytest.mark.parametrize("reverse", [False, True])
def test_masked_steps_change_nothing(name, reverse):
    """Equal to the shorter sequence alone; y is 0 in the padding."""
    cell, params = make(name)
    carry = start(params, X)
    last, y = layers.recurrent(cell, params, carry, X, mask=MASK, reverse=reverse)
    one = jax.tree.map(lambda leaf: leaf[0], carry)
    alone, ys = layers.recurrent(cell, params, one, X[0, :4], reverse=reverse)
    np.testing.assert_allclose(y[0, :4], ys, atol=1e-6)
    assert (y[0, 4:] == 0).all()
    pairs = zip(jax.tree.leaves(last), jax.tree.leaves(alone), strict=True)
    for got, expected in pairs:
        np.testing.assert_allclose(got[0], expected, atol=1e-6)


@every_cell
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_is_never_seen(name, reverse):
    """Bit for bit the same results and gradients, whatever the padding holds."""
    cell, params = make(name)

    @jax.jit
    def run(x):
        def loss(params, carry, x):
            last, y = layers.recurrent(
                cell, params, carry, x, mask=MASK, reverse=reverse
            )
            return sum(jnp.sum(jnp.sin(v)) for v in jax.tree.leaves((last, y))), y

        args = params, start(params, X), x
        return jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(*args)

    expected = run(X)
    for padding in (0.0, 1e30, jnp.inf, jnp.nan):
        filled = jnp.where(jnp.broadcast_to(MASK[..., None], X.shape), X, padding)
        assert same(run(filled), expected)
    grad_x = expected[1][2]
    assert (grad_x[0, 4:] == 0).all() and (grad_x[0, :4] != 0).any()


@every_cell
def test_a_fully_masked_sequence_keeps_its_carry(name):
    """Length 0: the carry that came in, bit for bit, and y = 0."""
    cell, params = make(name)
    carry = start(params, X)
    nothing = layers.lengths_to_mask(jnp.zeros(BATCH, jnp.int32), TIME)
    last, y = layers.recurrent(cell, params, carry, X * jnp.nan, mask=nothing)
    assert same(last, carry) and (y == 0).all()


@every_cell
def test_a_hole_in_the_middle_is_stepped_over(name):
    """A mask need not be a length."""
    cell, params = make(name)
    mask = jnp.array([True, False, True, True, False, True])
    carry = start(params, X[0])
    last, y = layers.recurrent(cell, params, carry, X[0], mask=mask)
    kept, ys = layers.recurrent(cell, params, carry, X[0][mask])
    np.testing.assert_allclose(y[mask], ys, atol=1e-6)
    assert (y[~mask] == 0).all()


# The driver ---------------------------------------------------------------------


@every_cell
def test_a_cell_is_a_scan_body(name):
    """partial(cell, params) goes into lax.scan as it is."""
    cell, params = make(name)
    carry, xs = start(params, X), jnp.moveaxis(X, 1, 0)
    last, ys = jax.lax.scan(functools.partial(cell, params), carry, xs)
    got, y = layers.recurrent(cell, params, carry, X)
    np.testing.assert_allclose(y, jnp.moveaxis(ys, 0, 1), atol=1e-6)
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(last), strict=True)
    for mine, expected in pairs:
        np.testing.assert_allclose(mine, expected, atol=1e-6)


@every_cell
def test_reverse_is_the_flipped_sequence(name):
    """And y comes back in the order of x."""
    cell, params = make(name)
    carry = start(params, X)
    last, y = layers.recurrent(cell, params, carry, X, reverse=True)
    flipped, z = layers.recurrent(cell, params, carry, X[:, ::-1])
    assert same((last, y), (flipped, z[:, ::-1]))


@pytest.mark.parametrize("batch", [(), (0,), (2, 3)])
@pytest.mark.parametrize("time", [0, 5])
def test_batch_axes_and_no_steps(batch, time):
    """Any number of batch axes; no steps leave the carry."""
    cell, params = make("lstm")
    x = jnp.ones((*batch, time, INPUTS))
    carry = layers.zero_carry(params, jnp.ones((*batch, INPUTS)))
    last, y = layers.recurrent(cell, params, carry, x)
    assert y.shape == (*batch, time, UNITS)
    assert last.h.shape == (*batch, UNITS)


@every_cell
def test_half_precision_stays_half_and_close(name):
    """bfloat16 in and out; gates are computed in float32."""
    cell, params = make(name)
    half = lambda tree: jax.tree.map(lambda v: v.astype(jnp.bfloat16), tree)  # noqa: E731
    carry, y = layers.recurrent(cell, half(params), half(start(params, X)), half(X))
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(carry)} == {jnp.dtype(jnp.bfloat16)}
    _, exact = layers.recurrent(cell, params, start(params, X), X)
    assert abs(y.astype(jnp.float32) - exact).max() < 0.03


def test_a_zero_carry_varies_as_x_does():
    """Inside shard_map a carry of plain zeros would not fit the scan."""
    cell, params = make("lstm")
    mesh = jax.make_mesh((2,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec

    def local(x):
        return layers.recurrent(cell, params, layers.zero_carry(params, x[:, 0]), x)[1]

    sharded = jax.shard_map(local, mesh=mesh, in_specs=spec("d"), out_specs=spec("d"))
    np.testing.assert_allclose(jax.jit(sharded)(X), local(X), atol=1e-6)


# Wording ------------------------------------------------------------------------


def test_what_is_wrong_is_named():
    """A mask of lengths, a mask of the wrong shape, a step instead of a sequence."""
    cell, params = make("rnn")
    carry = start(params, X)
    run = functools.partial(layers.recurrent, cell, params, carry)
    with pytest.raises(ValueError, match="mask must be boolean.*lengths_to_mask makes"):
        run(X, mask=jnp.array([4, 6]))
    with pytest.raises(ValueError, match=r"mask must be boolean, of shape \(2, 6\)"):
        run(X, mask=jnp.ones((6, 2), bool))
    with pytest.raises(ValueError, match="x must have at least 2 axes"):
        run(X[0, 0])
    with pytest.raises(ValueError, match=r"rnn_cell: bias must have .*\(4,\)"):
        layers.rnn_cell(params._replace(bias=jnp.zeros(1)), carry, X[:, 0])
    with pytest.raises(TypeError, match="lengths must be integers"):
        layers.lengths_to_mask(jnp.array([1.0]), 3)
