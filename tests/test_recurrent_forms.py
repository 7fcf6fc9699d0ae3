"""The loops by hand of the known cells: the definition's numbers, on every platform."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers
from assay.layers import _recurrent_forms as forms
from tests.programs import loops_in, maps_in
from tests.test_recurrent import CELLS, INPUTS, MASK, UNITS, drawn, every_cell

BATCH, TIME = 2, 6
which_of = {name: i for i, name in enumerate(CELLS)}


def question(name, *batch, dtype=jnp.float64):
    """(cell, params, carry, x), all of them uneven."""
    cell, kind, gates = CELLS[name]
    sizes = [(INPUTS, gates * UNITS), (UNITS, gates * UNITS)]
    sizes += [(gates * UNITS,)] * (len(kind._fields) - 2)
    leaves = [drawn(*s, seed=i).astype(dtype) for i, s in enumerate(sizes)]
    states = [drawn(*batch, UNITS, seed=20 + i).astype(dtype) for i in range(2)]
    carry = layers.LSTMCarry(*states) if name == "lstm" else states[0]
    x = drawn(*batch, TIME, INPUTS, seed=9, scale=1.0).astype(dtype)
    return cell, kind(*leaves), carry, x


def all_of_it(f, *args):
    """(f, its cotangents for uneven ones)."""
    y, pull = jax.vjp(f, *args)
    cts = jax.tree.map(lambda v: jnp.cos(jnp.arange(v.size)).reshape(v.shape), y)
    return y, pull(cts)


def close(got, expected, within):
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True)
    for g, e in pairs:
        np.testing.assert_allclose(g, e, atol=within, rtol=within)


@every_cell
@pytest.mark.parametrize("layout", [forms.COLUMNS, forms.ROWS], ids=["columns", "rows"])
@pytest.mark.parametrize("masked", [False, True])
def test_both_layouts_are_the_definition(name, layout, masked, monkeypatch):
    """Value and all cotangents in float64, in both directions of time."""
    monkeypatch.setattr(forms, "layouts", lambda params: {"default": layout})
    forms._whole.cache_clear()
    mask = MASK if masked else None
    with jax.enable_x64(True):
        cell, *args = question(name, BATCH)

        @jax.jit
        def both(*args):
            found = []
            for reverse in (False, True):
                run = functools.partial(forms.run, cell, reverse)
                plain = functools.partial(forms.scanned, cell, reverse)
                for f in (run, plain):
                    found.append(all_of_it(lambda *a, f=f: f(*a, mask), *args))
            return found

        ahead, ahead_plain, back, back_plain = both(*args)
    forms._whole.cache_clear()
    close((ahead, back), (ahead_plain, back_plain), 1e-12)
    assert np.abs(np.asarray(ahead[0][1]) - np.asarray(back[0][1])).max() > 1e-3


@every_cell
def test_the_loop_by_hand_is_what_a_gradient_runs(name):
    """And never what a forward derivative does; a cell in a wrapper is scanned."""
    cell, params, carry, x = question(name, BATCH, dtype=jnp.float32)

    def loss(cell, x):
        return jnp.sum(layers.recurrent(cell, params, carry, x)[1])

    def hands(f):
        return [*maps_in(jax.make_jaxpr(f)(x).jaxpr)]

    known = functools.partial(loss, cell)
    assert hands(jax.grad(known)) == [True]
    assert hands(jax.grad(jax.checkpoint(known))) == [True]
    assert hands(lambda x: jax.jvp(known, (x,), (x,))[1]) == [False]
    wrapped = functools.partial(loss, lambda *args: cell(*args))
    assert hands(jax.grad(wrapped)) == []


@every_cell
def test_what_does_not_fit_is_left_to_the_cell(name):
    """Nothing to compute, dtypes that differ, and all that is wrong."""
    cell, params, carry, x = question(name, BATCH, dtype=jnp.float32)
    known = functools.partial(forms._known, cell)
    assert known(params, carry, x) == which_of[name]
    assert known(params, carry, x[:, :0]) is None
    assert known(params, carry, x.astype(jnp.float16)) is None
    assert known(params, carry, x[..., 1:]) is None
    assert known(params, jax.tree.map(lambda c: c[:1], carry), x) is None
    assert known(params._replace(bias=params.bias[1:]), carry, x) is None
    assert known(tuple(params), carry, x) is None


@every_cell
def test_the_loops_carry_few_leaves(name):
    """A scan pays for every leaf: the state, and the next step's slices; 4 at most."""
    cell, params, carry, x = question(name, BATCH, dtype=jnp.float32)
    run = functools.partial(layers.recurrent, cell)
    states = jax.tree.leaves(carry)
    ahead = jax.make_jaxpr(run)(params, carry, x)
    assert set(loops_in(ahead.jaxpr)) == {len(states) + 1}
    rule, lay = forms.RULES[which_of[name]][2], forms.COLUMNS
    args = params, tuple(states), x
    y, kept = forms._loops.forward(rule, False, lay, *args)
    back = functools.partial(forms._loops.backward, rule, False, lay)
    behind = jax.make_jaxpr(back)(kept, y, *args)
    assert set(loops_in(behind.jaxpr)) == {len(states) + 2}


@pytest.mark.optimized
@every_cell
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_in_time_changes_no_bit(name, reverse):
    """A longer array with the same steps in it: y, and the last carry."""
    cell, params, carry, x = question(name, BATCH, dtype=jnp.float32)
    run = jax.jit(functools.partial(layers.recurrent, cell, reverse=reverse))
    longer = jnp.pad(x, ((0, 0), (0, 5), (0, 0)), constant_values=jnp.nan)
    mask = jnp.pad(MASK, ((0, 0), (0, 5)))
    last, y = run(params, carry, x, mask=MASK)
    padded, z = run(params, carry, longer, mask=mask)
    assert all(map(jnp.array_equal, jax.tree.leaves(last), jax.tree.leaves(padded)))
    assert jnp.array_equal(y, z[:, :TIME]) and (z[:, TIME:] == 0).all()


@pytest.mark.optimized
@pytest.mark.parametrize(("batch", "units"), [(1, 100), (5, 100), (1, 1)])
def test_more_steps_change_no_bit_of_a_product_before_the_loop(batch, units):
    """XLA sums a row of few, and one of a single column, in another order."""
    shapes = (700, units), (units, units), (units,)
    params = layers.RNNParams(*(drawn(*s, seed=i) for i, s in enumerate(shapes)))
    params = jax.tree.map(jnp.float32, params)
    x = drawn(batch, 200, 700, seed=3, scale=1.0).astype(jnp.float32)
    start = layers.zero_carry(params, x[:, 0])
    run = jax.jit(functools.partial(layers.recurrent, layers.rnn_cell))
    whole = run(params, start, x)[1]
    for time in (2, 9, 150):
        y = run(params, start, x[:, :time])[1]
        np.testing.assert_array_equal(y, whole[:, :time])


@every_cell
def test_a_sequence_in_chunks_is_the_whole(name):
    """The carry of one call begins the next, and takes its gradient."""
    with jax.enable_x64(True):
        cell, *args = question(name, BATCH)
        whole = functools.partial(layers.recurrent, cell)

        def chunks(params, carry, x):
            ys = []
            for start in (0, 1, 4):
                part = x[:, start : {0: 1, 1: 4, 4: TIME}[start]]
                carry, y = layers.recurrent(cell, params, carry, part)
                ys.append(y)
            return carry, jnp.concatenate(ys, axis=1)

        both = jax.jit(lambda *a: (all_of_it(chunks, *a), all_of_it(whole, *a)))
        got, expected = both(*args)
    close(got, expected, 1e-12)


def test_it_is_exported_and_sharded():
    """For a CPU and a GPU alike; and the weights' gradient is summed over a mesh."""
    cell, params, carry, x = question("lstm", BATCH, dtype=jnp.float32)

    def loss(params, carry, x):
        return jnp.sum(layers.recurrent(cell, params, carry, x)[1] ** 2)

    slope = jax.jit(jax.grad(loss))
    for platform in ("cpu", "cuda", "tpu"):
        exported = jax.export.export(slope, platforms=[platform])(params, carry, x)
        assert exported.platforms == (platform,)
    mesh = jax.make_mesh((2,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec
    local = jax.shard_map(
        lambda *args: jax.lax.psum(loss(*args), "d"),
        mesh=mesh,
        in_specs=(spec(), spec("d"), spec("d")),
        out_specs=spec(),
    )
    close(jax.jit(jax.grad(local))(params, carry, x), slope(params, carry, x), 1e-5)
