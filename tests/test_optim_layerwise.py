"""What the layer-wise optimizers promise beyond the laws: whole leaves, matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim

JORDAN = (3.4445, -4.775, 2.0315)
RNG = np.random.default_rng(0)


def polar(x, steps=5):
    """U p(S) Vᵀ by the singular values themselves, in NumPy float64."""
    u, s, v = np.linalg.svd(np.asarray(x, np.float64), full_matrices=False)
    s = s / np.sqrt(np.sum(s**2))
    for _ in range(steps):
        s = JORDAN[0] * s + JORDAN[1] * s**3 + JORDAN[2] * s**5
    return (u * s) @ v


def once(tx, g, p=None):
    """The first update."""
    p = g if p is None else p
    return jax.jit(lambda g, p: tx.update(g, tx.init(p), p)[0])(g, p)


def test_muon_is_the_polar_factor_and_its_singular_values_are_about_one():
    """Against the SVD, for wide, tall and single rows, from 1e-30 to 1e30."""
    rows = {"wide": (5, 40), "tall": (40, 6), "row": (1, 7)}
    g = {name: RNG.standard_normal(shape) for name, shape in rows.items()}
    scales = jnp.array([1e-30, 1.0, 1e30])
    g32 = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), g)
    one = optim.scale_by_muon(eps=0.0)
    run = jax.jit(jax.vmap(lambda s: once(one, jax.tree.map(lambda x: s * x, g32))))
    for name, found in run(scales).items():
        for update in np.asarray(found):
            np.testing.assert_allclose(update, polar(g[name]), atol=2e-5)
            values = np.linalg.svd(update, compute_uv=False)
            assert 0.68 < values.min() <= values.max() < 1.21


def test_muon_takes_convolutions_and_stacks_by_their_dimension_numbers():
    """A kernel of (3, 3, in, out) is one matrix, a stack of (n, in, out) n of them."""
    conv, stack = RNG.standard_normal((2, 2, 3, 5)), RNG.standard_normal((4, 2, 6))
    g = {"conv": jnp.asarray(conv), "stack": jnp.asarray(stack), "bias": jnp.ones(3)}
    dims = {
        "conv": optim.MuonDimensionNumbers((0, 1, 2), 3),
        "stack": optax.contrib.MuonDimensionNumbers(-2, -1),
        "bias": None,
    }
    labels = optim.muon_labels(g, dims)
    assert labels == {"conv": "muon", "stack": "muon", "bias": "adam"}
    tx = optim.muon(-1.0, muon_weight_dimension_numbers=dims)
    u = once(tx, g)
    matrix = polar(conv.reshape(12, 5)).reshape(conv.shape)
    np.testing.assert_allclose(u["conv"], matrix, atol=2e-5)
    each = np.stack([polar(x) for x in stack])
    np.testing.assert_allclose(u["stack"], np.sqrt(3) * each, atol=4e-5)
    np.testing.assert_allclose(u["bias"], 1.474, atol=1e-3)  # Nadam's first step
    shapes = [x.shape for x in jax.tree.leaves(jax.eval_shape(tx.init, g))]
    assert sorted(shapes).count((3,)) == 2 and shapes.count((4, 2, 6)) == 1


def test_muon_says_what_it_cannot_do():
    """A leaf without dimension numbers, and axes that are not two."""
    with pytest.raises(ValueError, match=r"b\.shape=\(3,\)"):
        once(optim.scale_by_muon(), {"a": jnp.ones((2, 2)), "b": jnp.ones(3)})
    spec = optim.MuonDimensionNumbers(0, -2)
    with pytest.raises(ValueError, match="different axes"):
        once(optim.scale_by_muon(weight_dimension_numbers=spec), jnp.ones((2, 2)))
    with pytest.raises(ValueError, match="preconditioning must be one of"):
        optim.scale_by_muon(preconditioning="frobenious")


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_norms_hold_up_to_the_largest_number(dtype):
    """Every rule that divides by a norm, where the square of one entry overflows."""
    top = jnp.finfo(dtype).max.astype(dtype)
    g = jnp.array([1.0, -0.5, 0.25], dtype) * top
    p = jnp.array([3.0, 0.0, 4.0], dtype)
    unit = np.array([1.0, -0.5, 0.25]) / np.sqrt(1.3125)
    rules = {
        5.0: optim.scale_by_trust_ratio(),
        1.0: optim.normalize_by_update_norm(),
        np.sqrt(3.0): optim.clip_by_block_rms(1.0),
    }
    polyak = optim.scale_by_polyak(max_learning_rate=2.0)

    @jax.jit
    def updates(g, p):
        found = [tx.update(g, (), p)[0] for tx in rules.values()]
        return [*found, polyak.update(g, (), value=jnp.float32(top))[0]]

    # f16 and bf16 round the result itself.
    tolerance = max(1e-3, 2 * float(jnp.finfo(dtype).eps))
    sizes = *rules, 1.3125**-0.5
    for size, u in zip(sizes, updates(g, p), strict=True):
        assert u.dtype == dtype
        np.testing.assert_allclose(u.astype(np.float32), size * unit, rtol=tolerance)


OPTIMIZERS = {
    "lamb": lambda rate: optim.lamb(rate, weight_decay=0.1),
    "muon": optim.muon,
    "adafactor": lambda rate: optim.adafactor(
        rate, 0, eps=1e-6, eps_clamp=True, last_axes=True, rate_cap=True
    ),
    "spectral": lambda rate: optim.muon(rate, preconditioning="spectral"),
    "aol": lambda rate: optim.muon(rate, preconditioning="aol", adaptive=True),
    "schedule_free": optim.schedule_free_adamw,
    "sm3": optim.sm3,
    "polyak": lambda rate: optim.polyak_sgd(scaling=rate),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zeros_nothing_and_none_do_no_harm(name):
    """Zero gradients and parameters, empty leaves, scalars, absent gradients; and the
    derivative of the update by all that went in is finite."""
    p = {"zero": jnp.zeros((2, 3)), "empty": jnp.zeros((0, 3)), "one": jnp.ones(())}
    g = jax.tree.map(jnp.zeros_like, p)

    def step(rate, p, g):
        tx = OPTIMIZERS[name](rate)
        p, g = {**p, "still": jnp.ones(2)}, {**g, "still": None}
        u, _ = tx.update(g, tx.init(p), p, value=jnp.float32(1.0))
        assert u["still"] is None and u["empty"].shape == (0, 3)
        return sum(x.sum() for x in jax.tree.leaves(u)), u

    both = jax.jit(jax.value_and_grad(step, argnums=(0, 1, 2), has_aux=True))
    found = jax.tree.leaves(both(0.1, p, g))
    assert all(bool(jnp.isfinite(x).all()) for x in found)


def test_adafactor_keeps_a_row_and_a_column():
    """Which axes, by both conventions, in float32 for bfloat16 parameters."""
    p = {"w": jnp.zeros((200, 3, 130), jnp.bfloat16), "b": jnp.zeros(200)}
    tree = jax.eval_shape(optim.scale_by_factored_rms().init, p)
    shapes = [tree.v_row["w"].shape, tree.v_col["w"].shape, tree.v["w"].shape]
    assert shapes == [(3, 130), (200, 3), (1,)] and tree.v["b"].shape == (200,)
    last = optim.scale_by_factored_rms(min_dim_size_to_factor=0, last_axes=True)
    tree = jax.eval_shape(last.init, p)
    assert [tree.v_row["w"].shape, tree.v_col["w"].shape] == [(200, 3), (200, 130)]
    assert {x.dtype for x in jax.tree.leaves(tree[1:])} == {jnp.dtype(jnp.float32)}


def test_adafactor_stays_exact_where_squares_vanish():
    """Gradients of 1e-12 whose squares' products are below float32, without eps; with
    torch's eps, which is a least root, they are divided by it."""
    a, b = np.array([1.0, 2.0, 0.0]), np.array([2.0, 5.0])
    g = jnp.asarray(1e-12 * np.outer(a, b), jnp.float32)
    tx = optim.scale_by_factored_rms(min_dim_size_to_factor=2, epsilon=0.0)
    np.testing.assert_allclose(once(tx, g), np.sign(g), rtol=1e-6)
    tx = optim.scale_by_factored_rms(epsilon=1e-6, eps_clamp=True)
    np.testing.assert_allclose(once(tx, g), g / 1e-3, rtol=1e-6)


def test_schedule_free_copies_the_parameters_and_averages_them():
    """z is a buffer of its own, under jit too; x is the mean of all z."""
    tx = optim.schedule_free_sgd(0.5)
    y = jnp.array([1.0, -2.0])
    for state in (tx.init(y), jax.jit(tx.init)(y)):
        assert state.z.unsafe_buffer_pointer() != y.unsafe_buffer_pointer()
    step = jax.jit(tx.update, donate_argnums=(1,))
    gradients, zs = RNG.standard_normal((6, 2)).astype(np.float32), []
    for g in gradients:
        updates, state = step(g, state, y)
        y = y + updates
        zs.append(np.asarray(state.z))
    np.testing.assert_allclose(zs[-1], [1, -2] - 0.5 * gradients.sum(0), rtol=1e-6)
    mean = optim.schedule_free_eval_params(state, y)
    np.testing.assert_allclose(mean, np.mean(zs, 0), rtol=3e-6)
    with pytest.raises(ValueError, match="must be a ScheduleFreeState; got tuple"):
        optim.schedule_free_eval_params((state,), y)
    half = jax.eval_shape(tx.init, y.astype(jnp.bfloat16))
    assert half.z.dtype == half.b1.dtype == jnp.float32


def test_sm3_never_forgets_a_square():
    """What it keeps of each entry is at least Adagrad's sum (its paper's claim 2)."""
    gradients = RNG.standard_normal((5, 3, 4)).astype(np.float32)
    tx = optim.scale_by_sm3(b1=0.0)
    state = tx.init(jnp.zeros((3, 4)))
    step = jax.jit(lambda g, state: tx.update(g, state)[1])
    for g in gradients:
        state = step(g, state)
    row, column = state.mu
    kept = np.minimum(row[:, None], column[None, :])
    assert np.all(kept >= np.sum(gradients**2, 0) * (1 - 1e-6))


def test_polyak_lengthens_with_its_scaling():
    """As documented; Optax's code makes the step shorter: 0.5 · 5 / 25."""
    g = np.array([3.0, 4.0], np.float32)
    for library, factor in ((optim, 2.0), (optax, 0.5)):
        tx = library.polyak_sgd(scaling=2.0)
        update = jax.jit(lambda g, tx=tx: tx.update(g, tx.init(g), value=5.0)[0])
        np.testing.assert_allclose(update(g), -factor * 5 / 25 * g, rtol=1e-6)
    with pytest.raises(ValueError, match="value must be given"):
        optim.scale_by_polyak().update(g, ())


def test_a_block_that_is_not_finite_is_not_hidden():
    """Not a silent zero: every entry of the block is nan, the other is clipped."""
    g = {"bad": jnp.array([1.0, jnp.inf]), "good": jnp.array([2.0, 2.0])}
    u = once(optim.clip_by_block_rms(1.0), g)
    assert np.isnan(u["bad"]).all() and np.isfinite(u["good"]).all()
