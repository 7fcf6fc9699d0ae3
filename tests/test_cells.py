"""The rarer recurrent cells: torch's numbers, what they reduce to, wording."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

INPUTS, UNITS, OUT, BATCH, TIME = 3, 5, 2, 4, 6
SHAPES = {
    layers.LSTMParams: ((INPUTS, 20), (UNITS, 20), (20,)),
    layers.PeepholeLSTMParams: ((INPUTS, 20), (UNITS, 20), (20,), (15,)),
    layers.CoupledLSTMParams: ((INPUTS, 15), (UNITS, 15), (15,)),
    layers.ProjectedLSTMParams: ((INPUTS, 20), (OUT, 20), (20,), (UNITS, OUT)),
    layers.LayerNormLSTMParams: (
        *((INPUTS, 20), (UNITS, 20), (20,), (20,)),
        *((20,), (UNITS,), (UNITS,)),
    ),
    layers.LayerNormGRUParams: ((INPUTS, 15), (UNITS, 15), *[(15,)] * 4),
    layers.JordanParams: (
        (INPUTS, UNITS),
        (OUT, UNITS),
        (UNITS,),
        (UNITS, OUT),
        (OUT,),
    ),
    layers.MGUParams: ((INPUTS, 10), (UNITS, 10), (10,)),
}
CELLS = {
    "peephole": (layers.peephole_lstm_cell, layers.PeepholeLSTMParams),
    "coupled": (layers.coupled_lstm_cell, layers.CoupledLSTMParams),
    "projected": (layers.projected_lstm_cell, layers.ProjectedLSTMParams),
    "normed_lstm": (layers.layer_norm_lstm_cell, layers.LayerNormLSTMParams),
    "normed_gru": (layers.layer_norm_gru_cell, layers.LayerNormGRUParams),
    "jordan": (layers.jordan_cell, layers.JordanParams),
    "mgu": (layers.mgu_cell, layers.MGUParams),
}
every_cell = pytest.mark.parametrize("name", CELLS)


def drawn(*shape, seed=0, dtype=np.float32):
    rng = np.random.default_rng([seed, *shape])
    return (0.5 * rng.standard_normal(shape)).astype(dtype)


def weights(kind, dtype=np.float32):
    pairs = enumerate(SHAPES[kind])
    return kind(*(drawn(*shape, seed=i, dtype=dtype) for i, shape in pairs))


def start(params, x):
    """A carry that is not zero, so that losing it would show."""
    zero = layers.zero_carry(params, x[..., 0, :])
    return jax.tree.map(lambda leaf: leaf + 0.3, zero)


X = jnp.asarray(drawn(BATCH, TIME, INPUTS, seed=9))
MASK = layers.lengths_to_mask(jnp.array([4, 6, 0, 1]), TIME)


# Others' numbers ----------------------------------------------------------------


def test_a_projected_lstm_is_torchs(x64):
    """torch.nn.LSTM(proj_size=), transposed: values and gradients in float64."""
    torch = pytest.importorskip("torch", reason="the agreement needs torch")
    params = weights(layers.ProjectedLSTMParams, np.float64)
    x = drawn(BATCH, TIME, INPUTS, seed=9, dtype=np.float64)
    layer = torch.nn.LSTM(INPUTS, UNITS, proj_size=OUT, batch_first=True).double()
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "weight_hr_l0")
    with torch.no_grad():
        for n, w in zip(names, params, strict=True):
            getattr(layer, n).copy_(torch.tensor(w.T))
        layer.bias_hh_l0.zero_()
    theirs = torch.tensor(x, requires_grad=True)
    y, (h, c) = layer(theirs)
    (torch.sin(y).sum() + torch.cos(c).sum()).backward()
    slopes = [getattr(layer, n).grad.numpy().T for n in names]

    def loss(params, x):
        carry = layers.zero_carry(params, x[:, 0])
        last, y = layers.recurrent(layers.projected_lstm_cell, params, carry, x)
        return jnp.sin(y).sum() + jnp.cos(last.c).sum(), (y, last)

    run = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
    (_, (ours, last)), (of_params, of_x) = run(params, jnp.asarray(x))
    pairs = [(ours, y), (last.h, h[0]), (last.c, c[0])]
    for mine, true in [(m, t.detach().numpy()) for m, t in pairs]:
        np.testing.assert_allclose(mine, true, rtol=0, atol=1e-12)
    for mine, true in zip(of_params, slopes, strict=True):
        np.testing.assert_allclose(mine, true, rtol=0, atol=1e-10)
    np.testing.assert_allclose(of_x, theirs.grad.numpy(), rtol=0, atol=1e-10)


# What they reduce to ------------------------------------------------------------


def test_peepholes_of_zero_and_a_projection_of_one_are_the_lstm(x64):
    """So the gates of all of them stand in one order."""
    plain = weights(layers.LSTMParams, np.float64)
    carry = layers.LSTMCarry(*drawn(2, BATCH, UNITS, dtype=np.float64))
    x = drawn(BATCH, INPUTS, dtype=np.float64)
    expected = layers.lstm_cell(plain, carry, x)
    blind = layers.PeepholeLSTMParams(*plain, np.zeros(3 * UNITS))
    square = layers.ProjectedLSTMParams(*plain, np.eye(UNITS))
    for got in (
        layers.peephole_lstm_cell(blind, carry, x),
        layers.projected_lstm_cell(square, carry, x),
    ):
        pairs = zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True)
        for mine, true in pairs:
            np.testing.assert_allclose(mine, true, rtol=0, atol=1e-14)


def test_the_peephole_of_o_sees_the_new_memory():
    """With only that one open, σ(o) saturates where c′ is large."""
    zeros = layers.PeepholeLSTMParams(
        *(jnp.zeros(s) for s in SHAPES[layers.PeepholeLSTMParams])
    )
    bias = jnp.zeros(20).at[:5].set(50.0).at[5:10].set(-50.0).at[10:15].set(50.0)
    peephole = jnp.zeros(15).at[10:].set(60.0)
    params = zeros._replace(bias=bias, peephole=peephole)
    carry = layers.zero_carry(params, jnp.zeros(INPUTS))
    carry = carry._replace(c=jnp.full(UNITS, -9.0))  # forgotten, hence not seen
    _, y = layers.peephole_lstm_cell(params, carry, jnp.zeros(INPUTS))
    np.testing.assert_allclose(y, np.tanh(1.0), rtol=1e-6)


def test_a_coupled_gate_keeps_what_it_hardly_forgets():
    """1 − σ(i) is σ(−i): at i = 40 a memory of 1e20 is not lost."""
    params = weights(layers.CoupledLSTMParams)
    params = params._replace(bias=jnp.full(15, 40.0), kernel=0 * params.kernel)
    carry = layers.LSTMCarry(jnp.zeros(UNITS), jnp.full(UNITS, 1e20))
    new, _ = layers.coupled_lstm_cell(params, carry, jnp.zeros(INPUTS))
    np.testing.assert_allclose(new.c, 1e20 / (1 + np.exp(40.0)) + 1, rtol=1e-5)


def test_normalized_cells_do_not_see_the_size_of_their_weights():
    """10 W and 10 U change nothing but for the eps: that is what the norm is for."""
    for name in ("normed_lstm", "normed_gru"):
        cell, kind = CELLS[name]
        params = weights(kind)
        carry = start(params, X)
        larger = params._replace(
            kernel=10 * params.kernel, recurrent_kernel=10 * params.recurrent_kernel
        )
        _, y = cell(params, carry, X[:, 0])
        _, again = cell(larger, carry, X[:, 0])
        np.testing.assert_allclose(y, again, atol=1e-4)


# Every cell ---------------------------------------------------------------------


@every_cell
def test_the_padding_is_never_seen(name):
    """NaN in the padding: the same bits, gradients too; no step leaves the carry."""
    cell, kind = CELLS[name]
    params = weights(kind)

    @jax.jit
    def run(x):
        def loss(params):
            carry = start(params, X)
            last, y = layers.recurrent(cell, params, carry, x, mask=MASK)
            return y.sum(), (last, y)

        return jax.grad(loss, has_aux=True)(params)

    slopes, (last, y) = run(X)
    seen = jnp.broadcast_to(MASK[..., None], X.shape)
    for a, b in zip(
        jax.tree.leaves((slopes, last, y)),
        jax.tree.leaves(run(jnp.where(seen, X, jnp.nan))),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    assert (y[2] == 0).all() and (y[1] != 0).all()
    for a, b in zip(
        jax.tree.leaves(last), jax.tree.leaves(start(params, X)), strict=True
    ):
        np.testing.assert_array_equal(a[2], b[2])


@every_cell
def test_half_precision_stays_half_and_close(name):
    """bfloat16 in and out, computed in float32."""
    cell, kind = CELLS[name]
    params = weights(kind)
    half = lambda tree: jax.tree.map(lambda v: v.astype(jnp.bfloat16), tree)  # noqa: E731
    carry, y = cell(half(params), half(start(params, X)), half(X[:, 0]))
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(carry)} == {jnp.dtype(jnp.bfloat16)}
    _, exact = cell(params, start(params, X), X[:, 0])
    assert abs(y.astype(jnp.float32) - exact).max() < 0.03


def test_a_learned_carry_gathers_the_slopes_of_the_batch():
    """Every sequence starts from it; its gradient is their sum."""
    params = weights(layers.LSTMParams)
    one = layers.LSTMCarry(*jnp.asarray(drawn(2, UNITS)))

    def loss(carry, x):
        carry = layers.broadcast_carry(carry, x[..., 0, :])
        return layers.recurrent(layers.lstm_cell, params, carry, x)[1].sum()

    slope = jax.grad(loss)(one, X)
    each = jax.vmap(jax.grad(loss), in_axes=(None, 0))(one, X)
    for a, b in zip(slope, each, strict=True):
        np.testing.assert_allclose(a, b.sum(0), rtol=1e-5)


def test_what_is_wrong_is_named():
    """A third of the peepholes, a projection of another memory."""
    params = weights(layers.PeepholeLSTMParams)
    carry = layers.zero_carry(params, X[:, 0])
    with pytest.raises(ValueError, match="peephole_lstm_cell: a third of peephole"):
        short = params._replace(peephole=np.zeros(12, np.float32))
        layers.peephole_lstm_cell(short, carry, X[:, 0])
    params = weights(layers.ProjectedLSTMParams)
    carry = layers.zero_carry(params, X[:, 0])
    with pytest.raises(ValueError, match="the memory must be .* one for each row"):
        wide = params._replace(projection=np.zeros((4, OUT), np.float32))
        layers.projected_lstm_cell(wide, carry, X[:, 0])
