"""Stacks, noise within a recurrence, films, lengths: torch's numbers, masks, keys."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

BATCH, TIME, INPUTS, UNITS = 3, 5, 4, 6
LENGTHS = jnp.array([5, 3, 0])
MASK = layers.lengths_to_mask(LENGTHS, TIME)


def drawn(*shape, seed=0, scale=0.5):
    rng = np.random.default_rng([seed, *shape])
    return jnp.asarray(scale * rng.standard_normal(shape))


def lstm(inputs, units, seed=0):
    shapes = (inputs, 4 * units), (units, 4 * units), (4 * units,)
    return layers.LSTMParams(*(drawn(*s, seed=seed + i) for i, s in enumerate(shapes)))


def zeros(params, x):
    return layers.zero_carry(params, x[:, 0])


def leaves(tree):
    return jax.tree.leaves(tree)


def torch_stack(stacks, units, **options):
    """torch.nn.LSTM with our weights, one list of params a direction."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    layer = torch.nn.LSTM(
        INPUTS, units, len(stacks[0]), batch_first=True, **options
    ).double()
    with torch.no_grad():
        for stack, tail in zip(stacks, ("", "_reverse"), strict=False):
            for i, p in enumerate(stack):
                at = f"_l{i}{tail}"
                for name, w in zip(
                    ("weight_ih", "weight_hh", "bias_ih"), p, strict=True
                ):
                    getattr(layer, name + at).copy_(torch.tensor(np.asarray(w.T)))
                getattr(layer, "bias_hh" + at).zero_()
    return torch, layer


# Stacks -------------------------------------------------------------------------


def test_a_stack_is_torchs(x64):
    """Three layers; values, last carries and the gradient in x."""
    params = [lstm(INPUTS, UNITS), *(lstm(UNITS, UNITS, s) for s in (10, 20))]
    torch, layer = torch_stack([params], UNITS)
    x = drawn(BATCH, TIME, INPUTS, seed=9)
    theirs = torch.tensor(np.asarray(x), requires_grad=True)
    true, (h, c) = layer(theirs)
    torch.sin(true).sum().backward()

    def loss(x):
        carry = [zeros(p, x) for p in params]
        last, y = layers.recurrent_stack(layers.lstm_cell, params, carry, x)
        return jnp.sin(y).sum(), (last, y)

    slope, (last, y) = jax.jit(jax.grad(loss, has_aux=True))(x)
    np.testing.assert_allclose(y, true.detach().numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(slope, theirs.grad.numpy(), rtol=0, atol=1e-10)
    for i, one in enumerate(last):
        np.testing.assert_allclose(one.h, h[i].detach().numpy(), rtol=0, atol=1e-12)
        np.testing.assert_allclose(one.c, c[i].detach().numpy(), rtol=0, atol=1e-12)


def test_a_padded_bidirectional_stack_is_torchs_packed_one(x64):
    """The reverse pass begins at each sequence's own end, with no help of lengths."""
    ahead = [lstm(INPUTS, UNITS), lstm(2 * UNITS, UNITS, 10)]
    back = [lstm(INPUTS, UNITS, 20), lstm(2 * UNITS, UNITS, 30)]
    torch, layer = torch_stack([ahead, back], UNITS, bidirectional=True)
    x, lengths = drawn(BATCH, TIME, INPUTS, seed=9), [5, 3, 1]
    mask = layers.lengths_to_mask(jnp.array(lengths), TIME)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        torch.tensor(np.asarray(x)), lengths, batch_first=True
    )
    true, _ = torch.nn.utils.rnn.pad_packed_sequence(
        layer(packed)[0], batch_first=True, total_length=TIME
    )
    carry = [(zeros(p, x), zeros(p, x)) for p in ahead]
    params = list(zip(ahead, back, strict=True))
    run = partial(layers.bidirectional_stack, layers.lstm_cell, params, carry)
    _, y = jax.jit(lambda x: run(x, mask=mask))(x)
    np.testing.assert_allclose(y, true.detach().numpy(), rtol=0, atol=1e-12)


def test_layers_may_differ_and_dropout_lies_between():
    """Other cells, other sizes; a residual after each layer sees no padding."""
    gru = layers.GRUParams(*(drawn(*s) for s in ((UNITS, 9), (3, 9), (9,), (9,))))
    params = lstm(INPUTS, UNITS), gru
    x = jnp.where(
        jnp.broadcast_to(MASK[..., None], (BATCH, TIME, INPUTS)), 0.7, jnp.nan
    )
    carry = zeros(params[0], x), jnp.zeros((BATCH, 3))
    cells, seen = (layers.lstm_cell, layers.gru_cell), []

    def after(layer, x, y):
        seen.append((layer, x.shape, y.shape, bool(jnp.isfinite(x).all())))
        if layer == 1:
            return y
        return layers.dropout(y, rate=0.9, key=jax.random.key(0))

    stack = partial(layers.recurrent_stack, cells, params, carry, x, mask=MASK)
    last, y = stack(after=after)
    assert seen == [
        (0, (BATCH, TIME, INPUTS), (BATCH, TIME, UNITS), True),
        (1, (BATCH, TIME, UNITS), (BATCH, TIME, 3), True),
    ]
    assert [v.shape for v in leaves(last)] == [(BATCH, UNITS)] * 2 + [(BATCH, 3)]
    assert float(abs(y - stack()[1]).max()) > 1e-2
    with pytest.raises(ValueError, match="one cell, one of params and one carry for"):
        layers.recurrent_stack(cells, params, carry[:1], x)


# Lengths ------------------------------------------------------------------------


def test_the_last_step_is_the_last_carry_and_reverse_is_a_reversed_sequence():
    """By mask, by length, and by turning each sequence round: the same numbers."""
    params, x = lstm(INPUTS, UNITS), drawn(BATCH, TIME, INPUTS, seed=9)
    run = jax.jit(
        partial(layers.recurrent, layers.lstm_cell), static_argnames="reverse"
    )
    carry = zeros(params, x)
    last, y = run(params, carry, x, mask=MASK)
    np.testing.assert_array_equal(layers.last_step(y, LENGTHS), last.h)
    turned = layers.reverse_sequences(x, LENGTHS)
    back, z = run(params, carry, x, mask=MASK, reverse=True)
    again, w = run(params, carry, turned, mask=MASK)
    np.testing.assert_allclose(back.h, again.h, atol=1e-6)
    np.testing.assert_allclose(z, layers.reverse_sequences(w, LENGTHS), atol=1e-6)


def test_what_is_no_length_is_named():
    x = jnp.ones((BATCH, TIME, INPUTS))
    with pytest.raises(
        ValueError, match=r"lengths must have the batch axes of x, \(3,\)"
    ):
        layers.last_step(x, jnp.ones((BATCH, 1), jnp.int32))
    with pytest.raises(TypeError, match="reverse_sequences: lengths must be integers"):
        layers.reverse_sequences(x, jnp.ones(BATCH))
    assert layers.last_step(x[:, :0], LENGTHS).shape == (BATCH, INPUTS)


# Noise --------------------------------------------------------------------------


def test_dropped_units_are_not_seen_by_the_gates_but_stay():
    """A GRU mixes its whole state, and only the products see m ∘ h: Keras's rule."""
    shapes = (INPUTS, 3 * UNITS), (UNITS, 3 * UNITS), (3 * UNITS,), (3 * UNITS,)
    params = layers.GRUParams(*(drawn(*s, seed=i) for i, s in enumerate(shapes)))
    new = layers.recurrent_dropout(params, rate=0.5, key=jax.random.key(1))
    kept = jnp.any(new.recurrent_kernel != 0, axis=1)
    assert 0 < int(kept.sum()) < UNITS
    h, x = drawn(BATCH, UNITS, seed=3), drawn(BATCH, INPUTS, seed=4)
    r_z_n = x @ params.kernel + jnp.broadcast_to(params.bias, (BATCH, 18))
    inner = (h * jnp.where(jnp.broadcast_to(kept, h.shape), 2.0, 0.0)) @ (
        params.recurrent_kernel
    ) + jnp.broadcast_to(params.recurrent_bias, (BATCH, 18))
    sigmoid = lambda v: 1 / (1 + jnp.exp(-v))  # noqa: E731
    (r, z, n), (hr, hz, hn) = jnp.split(r_z_n, 3, -1), jnp.split(inner, 3, -1)
    n, z = jnp.tanh(n + sigmoid(r + hr) * hn), sigmoid(z + hz)
    got, _ = layers.gru_cell(new, h, x)
    np.testing.assert_allclose(got, (1 - z) * n + z * h, atol=1e-6)
    each = jax.vmap(lambda k: layers.recurrent_dropout(params, rate=0.5, key=k))(
        jax.random.split(jax.random.key(2), 4)
    )
    rows = jnp.any(each.recurrent_kernel != 0, axis=-1)
    assert len({tuple(row) for row in rows.tolist()}) > 1


def test_keys_differ_from_step_to_step_and_the_padding_is_never_seen():
    """Zoneout of an LSTM, c and h at their own rates, as the paper has it."""
    params = lstm(INPUTS, 200)

    def cell(params, carry, x, *, key):
        new, _ = layers.lstm_cell(params, carry, x)
        keys = jax.random.split(key)
        c = layers.zoneout(carry.c, new.c, rate=0.5, key=keys[0])
        h = layers.zoneout(carry.h, new.h, rate=0.05, key=keys[1])
        return layers.LSTMCarry(h, c), (h, c)

    @jax.jit
    def run(x, key):
        carry = jax.tree.map(lambda v: v + 9.0, zeros(params, jnp.ones_like(x)))
        drive = partial(layers.recurrent_with_keys, cell, params, carry)
        return drive(x, key=key, mask=MASK)

    x = drawn(BATCH, TIME, INPUTS, seed=9)
    last, (h, c) = run(x, jax.random.key(0))
    stayed = np.asarray(c[0, 1:] == c[0, :-1])
    assert (abs(stayed.mean(1) - 0.5) < 0.15).all()
    assert (stayed[0] != stayed[1]).mean() > 0.3  # each step draws anew
    assert abs(float((h[0, 0] == 9).mean()) - 0.05) < 0.05
    assert (last.c[2] == 9).all() and (h[1, 3:] == 0).all()
    hidden = jnp.where(jnp.broadcast_to(MASK[..., None], x.shape), x, jnp.nan)
    spoilt = run(hidden, jax.random.key(0))
    for a, b in zip(leaves(spoilt), leaves((last, (h, c))), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not (run(x, jax.random.key(1))[1][1] == c).all()


def test_without_noise_it_is_the_driver():
    """A cell that ignores its key."""
    params, x = lstm(INPUTS, UNITS), drawn(BATCH, TIME, INPUTS, seed=9)

    def cell(params, carry, x, *, key):
        del key
        return layers.lstm_cell(params, carry, x)

    drive = partial(layers.recurrent_with_keys, cell)
    got = drive(params, zeros(params, x), x, key=jax.random.key(0), mask=MASK)
    true = layers.recurrent(layers.lstm_cell, params, zeros(params, x), x, mask=MASK)
    for a, b in zip(leaves(got), leaves(true), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


# Films --------------------------------------------------------------------------


@pytest.mark.parametrize("window", [(3,), (2, 3), (1, 2, 3)])
def test_a_film_is_its_steps(window, x64):
    """1-d to 3-d; to 1e-12, in chunks too; NaN in the padding changes no bit."""
    spatial = tuple(range(4, 4 + len(window)))
    shapes = (*window, 2, 12), (*window, 3, 12), (12,)
    params = layers.ConvLSTMParams(
        *(drawn(*s, seed=i, scale=0.3) for i, s in enumerate(shapes))
    )
    x = drawn(2, 3, *spatial, 2, seed=9)
    mask = layers.lengths_to_mask(jnp.array([3, 2]), 3)
    zero = layers.zero_carry(params, x[:, 0])
    assert zero.h.shape == (2, *spatial, 3)

    @jax.jit
    def run(x):
        whole = layers.conv_lstm(params, zero, x, mask=mask)
        plain, ys = layers.conv_lstm(params, zero, x)
        half, ya = layers.conv_lstm(params, zero, x[:, :1])
        end, yb = layers.conv_lstm(params, half, x[:, 1:])
        carry, steps = zero, []
        for t in range(3):
            carry, y = layers.conv_lstm_cell(params, carry, x[:, t])
            steps.append(y)
        chunks = end, jnp.concatenate([ya, yb], axis=1)
        return whole, (plain, ys), chunks, (carry, jnp.stack(steps, axis=1))

    whole, plain, chunks, steps = run(x)
    for other in (chunks, steps):
        for a, b in zip(leaves(other), leaves(plain), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    np.testing.assert_allclose(whole[1][0], plain[1][0], rtol=0, atol=1e-12)
    assert (whole[1][1, 2] == 0).all()
    spoilt = run(x.at[1, 2].set(jnp.nan))[0]
    for a, b in zip(leaves(spoilt), leaves(whole), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_film_of_the_wrong_shape_is_named():
    params = layers.ConvLSTMParams(
        jnp.ones((3, 3, 2, 8)), jnp.ones((3, 3, 2, 8)), jnp.ones(8)
    )
    carry = layers.zero_carry(params, jnp.ones((4, 4, 2)))
    with pytest.raises(ValueError, match=r"conv_lstm: x must have at least 4 axes"):
        layers.conv_lstm(params, carry, jnp.ones((4, 4, 2)))
    with pytest.raises(ValueError, match="conv_lstm: mask must be boolean, of shape"):
        layers.conv_lstm(params, carry, jnp.ones((5, 4, 4, 2)), mask=jnp.ones(4, bool))
