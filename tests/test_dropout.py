"""The dropout family: what is dropped together, exact rates, moments, both ends."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers
from assay.layers import _dropout

KEY = jax.random.key(0)
FAMILY = {  # name -> (the function, with its rate left open; a shape that it takes)
    "dropout": (layers.dropout, (4, 3)),
    "locked": (partial(layers.dropout, broadcast=-2), (4, 3)),
    "spatial_dropout": (layers.spatial_dropout, (4, 3, 5, 2)),
    "drop_connect": (layers.drop_connect, (4, 3)),
    "drop_path": (layers.drop_path, (4, 3, 5, 2)),
    "alpha_dropout": (layers.alpha_dropout, (4, 3)),
    "feature_alpha_dropout": (layers.feature_alpha_dropout, (4, 3, 5, 2)),
    "gaussian_dropout": (layers.gaussian_dropout, (4, 3)),
    "drop_block": (partial(layers.drop_block, block_size=2), (4, 3, 5, 2)),
}
EACH = pytest.mark.parametrize("name", list(FAMILY))


def drawn(shape, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape).astype(np.float32)


def run(f, *args):
    """Compiled once; NumPy arrays out."""
    return jax.device_get(jax.jit(f)(*args))


# Of every member ----------------------------------------------------------------


@EACH
@pytest.mark.parametrize("rate", [0, 0.0, 1, 1.0])
def test_the_ends_are_allowed(name, rate):
    """Rate 0 is the identity and rate 1 is 0; the gradient of both is finite."""
    f, shape = FAMILY[name]
    x = drawn(shape)
    g = lambda v: (f(v, rate=rate, key=KEY).sum(), f(v, rate=rate, key=KEY))  # noqa: E731
    slope, y = run(jax.grad(g, has_aux=True), x)
    np.testing.assert_allclose(y, x * (1 - rate), rtol=1e-6)
    assert (slope == 1 - rate).all()


@pytest.mark.parametrize("rate", [0.0, 1e-4, 0.1, 0.5, 0.99999, 1.0])
def test_every_draw_is_counted_once(rate, monkeypatch):
    """Of all 65536 draws exactly the nearest number to the rate is dropped."""
    draws = jnp.arange(65536, dtype=jnp.uint32) << 16
    monkeypatch.setattr(_dropout, "random_bits", lambda key, shape: draws)
    y = np.asarray(layers.dropout(jnp.ones(65536), rate=rate, key=KEY))
    at_most = 65536 if rate == 1 else 65535
    assert (y == 0).sum() == min(round(rate * 65536), at_most)
    assert y.mean() == pytest.approx(float(rate < 1), rel=1e-6)


@EACH
def test_what_is_dropped_has_no_gradient_whatever_it_held(name):
    """NaN and infinity are dropped like any number."""
    f, shape = FAMILY[name]
    x = np.where(drawn(shape) > 0, np.nan, np.inf).astype(np.float32)
    both = lambda v, d: jax.jvp(lambda u: f(u, rate=1.0, key=KEY), (v,), (d,))  # noqa: E731
    y, dy = run(both, x, np.ones_like(x))
    assert (y == 0).all() and (dy == 0).all()


@pytest.mark.optimized
@EACH
def test_a_sweep_over_rates_is_one_vmap(name):
    """A traced rate gives what the Python number gives."""
    f, shape = FAMILY[name]
    x, rates = drawn(shape), [0.0, 0.3, 1.0]
    each = lambda r: [f(x, rate=rate, key=KEY) for rate in rates]  # noqa: E731
    sweep = jax.vmap(lambda r: f(x, rate=r, key=KEY))
    swept, known = run(lambda r: (sweep(r), each(r)), np.array(rates, np.float32))
    np.testing.assert_allclose(swept, known, rtol=1e-6)


@EACH
def test_one_key_is_one_mask_under_jit_vmap_and_scan(name):
    """However it is run."""
    f, shape = FAMILY[name]
    x, keys = drawn(shape), jax.random.split(KEY, 2)
    g = lambda k: f(x, rate=0.4, key=k)  # noqa: E731
    many, each = run(lambda k: (jax.vmap(g)(k), jax.lax.map(g, k)), keys)
    np.testing.assert_allclose(many, each, rtol=1e-6)
    np.testing.assert_allclose(many[1], g(keys[1]), rtol=1e-6)
    assert (many[0] != many[1]).any()


@EACH
def test_half_precision_is_rounded_once(name):
    """Computed in float32 from the same draws."""
    f, shape = FAMILY[name]
    x = drawn(shape).astype(np.float16)
    both = lambda *xs: [f(v, rate=0.3, key=KEY) for v in xs]  # noqa: E731
    y, true = run(both, x, x.astype(np.float32))
    assert y.dtype == np.float16 and (y == true.astype(np.float16)).all()


@EACH
def test_an_empty_batch_is_left_empty(name):
    """Of shape (0, …)."""
    f, shape = FAMILY[name]
    assert f(jnp.zeros((0, *shape[1:])), rate=0.5, key=KEY).shape == (0, *shape[1:])


@EACH
def test_a_percentage_is_refused(name):
    """A rate of 50 is the usual slip, integers the other."""
    f, shape = FAMILY[name]
    who = "dropout" if name == "locked" else name
    with pytest.raises(ValueError, match=rf"{who}: rate must be in \[0, 1\]; got 50"):
        f(jnp.ones(shape), rate=50, key=KEY)
    with pytest.raises(TypeError, match=rf"{who}: \w+ must be floating point"):
        f(jnp.ones(shape, int), rate=0.5, key=KEY)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        *[("dropout", 12), ("locked", 3), ("drop_connect", 12), ("alpha_dropout", 12)],
        *[("spatial_dropout", 8), ("drop_path", 4), ("feature_alpha_dropout", 8)],
        *[("drop_block", 120), ("zoneout", 12)],
    ],
)
def test_a_reverse_pass_holds_the_mask_alone(name, held):
    """A byte for each thing that is dropped as one, and a few numbers."""

    def skipped(x, *, rate, key):
        return layers.zoneout(x, 2 * x, rate=rate, key=key)

    f, shape = FAMILY.get(name, (skipped, (4, 3)))
    g = jax.jit(lambda x, k: f(x, rate=0.5, key=k))
    leaves = jax.tree.leaves(jax.vjp(lambda x: g(x, KEY), jnp.ones(shape))[1])
    assert held <= sum(leaf.nbytes for leaf in leaves) <= held + 8


# Dropped together ---------------------------------------------------------------


def test_dropout_shares_a_mask_along_broadcast_axes():
    """One mask for all steps of a sequence; other examples have others."""
    f = partial(layers.dropout, rate=0.5, key=KEY)
    over = lambda x: (f(x, broadcast=-2), f(x, broadcast=(0, -2)))  # noqa: E731
    y, both = run(over, np.ones((6, 5, 40), np.float32))
    assert (y == y[:, :1]).all()
    assert len(np.unique(y[:, 0], axis=0)) == 6
    assert (both == both[0, 0]).all() and set(np.unique(both)) == {0, 2}


@pytest.mark.parametrize("axis", [2, -3])
def test_broadcast_axes_must_be_axes(axis):
    """A wrong one is named, with the shape."""
    with pytest.raises(
        ValueError, match=rf"broadcast must name axes .*\(2, 3\); .*{axis}"
    ):
        layers.dropout(jnp.ones((2, 3)), rate=0.5, key=KEY, broadcast=axis)


@pytest.mark.parametrize("spatial", [1, 2, 3])
def test_spatial_dropout_drops_whole_channels(spatial):
    """Every channel of every example for itself."""
    x = np.ones((5, *(2, 3, 4)[:spatial], 60), np.float32)
    f = partial(layers.spatial_dropout, rate=0.5, key=KEY, spatial=spatial)
    y = run(f, x)
    flat = y.reshape(5, -1, 60)
    assert (flat == flat[:, :1]).all()
    assert len(np.unique(flat[:, 0], axis=0)) == 5
    assert 100 < int((flat[:, 0] == 0).sum()) < 200


@pytest.mark.parametrize("spatial", [0, 1, 2])
def test_drop_path_drops_whole_examples(spatial):
    """Any number of batch axes; one example is kept or dropped as one."""
    x = np.ones((20, 15, *(2, 3)[:spatial], 4), np.float32)
    y = run(partial(layers.drop_path, rate=0.5, key=KEY, spatial=spatial), x)
    flat = y.reshape(20, 15, -1)
    assert (flat == flat[..., :1]).all()
    assert 100 < int((flat[..., 0] == 0).sum()) < 200
    assert not (flat == flat[:1]).all() and not (flat == flat[:, :1]).all()


@pytest.mark.parametrize("f", [layers.spatial_dropout, layers.drop_path])
def test_too_few_axes_are_told(f):
    """With the layout that `spatial` asks for."""
    layout = r"must have at least 3 axes \(\*batch, 2 spatial, channels\)"
    with pytest.raises(ValueError, match=layout):
        f(jnp.ones((3, 4)), rate=0.5, key=KEY)
    with pytest.raises(ValueError, match=r"spatial must be in \[0, inf\]; got -1"):
        f(jnp.ones((3, 4)), rate=0.5, key=KEY, spatial=-1)


# Alpha dropout and noise --------------------------------------------------------


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("f", [layers.alpha_dropout, layers.feature_alpha_dropout])
def test_alpha_dropout_keeps_mean_and_variance(f, rate):
    """Of 65536 entries of N(0, 1), within 5 standard errors."""
    x = drawn((1 << 13, 1, 1, 8))
    y = run(partial(f, rate=rate, key=KEY), x).astype(np.float64)
    fourth = ((y - y.mean()) ** 4).mean()
    assert abs(y.mean()) < 5 / np.sqrt(y.size)
    assert abs(y.var() - 1) < 5 * np.sqrt((fourth - 1) / y.size)


@pytest.mark.parametrize("rate", [0.125, 0.75])
def test_alpha_dropout_is_torchs(rate):
    """Kept entries and dropped ones have torch's values, float64 at 1e-10."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x = drawn(200).astype(np.float64)
    torch.manual_seed(0)
    theirs = torch.nn.functional.alpha_dropout(torch.tensor(x), rate, True).numpy()
    with jax.enable_x64(True):
        f = partial(layers.alpha_dropout, rate=rate, key=KEY)
        y, slope = run(lambda v: jax.jvp(f, (v,), (jnp.ones_like(v),)), x)
    values, counts = np.unique(theirs.round(9), return_counts=True)
    gone = abs(theirs - values[counts.argmax()]) < 1e-8  # what torch dropped
    both = ~gone & (slope > 0)
    np.testing.assert_allclose(y[both], theirs[both], rtol=0, atol=1e-10)
    np.testing.assert_allclose(y[slope == 0], theirs[gone][0], rtol=0, atol=1e-10)
    assert both.any() and gone.any() and (slope == 0).any()


def test_feature_alpha_dropout_shares_the_fate_of_a_channel():
    """Other channels, and the same of other examples, have their own."""
    f = partial(layers.feature_alpha_dropout, rate=0.5, key=KEY)
    y = run(f, np.zeros((6, 3, 4, 50), np.float32))
    assert (y == y[:, :1, :1]).all()
    assert len(np.unique(y[:, 0, 0], axis=0)) == 6


def test_gaussian_dropout_has_the_variance_of_dropout():
    """σ² = rate / (1 − rate), and the derivative in a traced rate is σ's."""
    f = lambda r: layers.gaussian_dropout(jnp.ones(1 << 16), rate=r, key=KEY)  # noqa: E731
    y, slope = run(lambda r: jax.jvp(f, (r,), (jnp.ones_like(r),)), np.float32(0.2))
    assert abs(y.mean() - 1) < 5 * 0.5 / 256
    assert abs(y.var() - 0.25) < 5 * 0.25 * np.sqrt(2) / 256
    np.testing.assert_allclose(slope, (y - 1) * 3.125, rtol=1e-3, atol=1e-5)


def test_gaussian_noise_adds_and_may_add_nothing():
    """stddev 0 is the identity; a sweep over stddev is one vmap; half is float16."""
    x, f = jnp.asarray(drawn(64)), partial(layers.gaussian_noise, key=KEY)
    sweep = jax.vmap(lambda s: f(x, stddev=s))
    none, one, two = run(sweep, np.arange(3, dtype=np.float32))
    assert (none == x).all() and (one != x).all()
    np.testing.assert_allclose(two - x, 2 * (one - x), rtol=1e-4, atol=1e-6)
    assert f(x.astype(jnp.float16), stddev=1.0).dtype == jnp.float16


def test_a_negative_deviation_is_refused():
    """And integers, as in the whole family."""
    with pytest.raises(ValueError, match=r"stddev must be in \[0, inf\]; got -1"):
        layers.gaussian_noise(jnp.ones(3), stddev=-1, key=KEY)
    with pytest.raises(TypeError, match="gaussian_noise: x must be floating point"):
        layers.gaussian_noise(jnp.ones(3, int), stddev=1, key=KEY)


# Blocks, carries, tokens --------------------------------------------------------


@pytest.mark.parametrize(("rate", "block_size"), [(0.1, 3), (0.5, 4), (0.5, 20)])
def test_drop_block_drops_every_entry_alike(rate, block_size):
    """With probability `rate`, corners as the middle: 5 σ over 4096 examples."""
    f = partial(layers.drop_block, rate=rate, block_size=block_size, key=KEY)
    y = run(f, np.ones((4096, 5, 6, 1), np.float32))
    share = (y == 0).mean((0, 3))
    assert np.abs(share - rate).max() < 5 * np.sqrt(rate * (1 - rate) / 4096)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)


def test_drop_block_of_one_entry_is_dropout():
    """Independent entries, and as many axes of space as one says, none too."""
    f = partial(layers.drop_block, rate=0.3, block_size=1, key=KEY)
    y, rows = run(lambda x: (f(x), f(x, spatial=0)), np.ones((64, 32, 8), np.float32))
    assert (y == rows).all()
    assert abs((y == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / y.size)


def test_drop_block_needs_a_block():
    """Of at least one place, within an image."""
    with pytest.raises(ValueError, match=r"block_size must be in \[1, inf\]; got 0"):
        layers.drop_block(jnp.ones((3, 3, 1)), rate=0.5, block_size=0, key=KEY)
    with pytest.raises(ValueError, match="drop_block: x must have at least 3 axes"):
        layers.drop_block(jnp.ones((3, 3)), rate=0.5, key=KEY)


def test_zoneout_in_a_scan_skips_the_steps_of_some_units():
    """Rate 1 keeps the first carry for ever, rate 0 is the cell; ½ is in between."""

    def steps(rate, keys):
        cell = lambda h, k: (layers.zoneout(h, h + 1, rate=rate, key=k), None)  # noqa: E731
        return jax.lax.scan(cell, jnp.zeros(400), keys)[0]

    rates = np.array([0, 0.5, 1], np.float32)
    over = jax.vmap(steps, in_axes=(0, None))
    none, half, all_ = run(over, rates, jax.random.split(KEY, 20))
    assert (none == 20).all() and (all_ == 0).all()
    assert abs(half.mean() - 10) < 5 * np.sqrt(20 * 0.25 / 400) and half.std() > 1


def test_zoneout_gives_each_leaf_its_own_mask():
    """The h and c of an LSTM are not skipped together; one structure is asked."""
    carry = layers.LSTMCarry(jnp.zeros(99), jnp.zeros(99))
    new = jax.tree.map(jnp.ones_like, carry)
    h, c = layers.zoneout(carry, new, rate=0.5, key=KEY)
    assert 10 < int((h != c).sum()) < 90
    with pytest.raises(ValueError, match="must be trees of one structure"):
        layers.zoneout(carry, new.h, rate=0.5, key=KEY)
    with pytest.raises(ValueError, match="previous and carry must have the same shape"):
        layers.zoneout(carry.h, carry.c[1:], rate=0.5, key=KEY)


def test_zoneout_inference_is_the_mean_of_zoneout():
    """Over 4096 keys, 5 σ; and its own rate is judged."""
    a, b = jnp.zeros(4), jnp.arange(4.0)
    many = jax.vmap(lambda k: layers.zoneout(a, b, rate=0.25, key=k))
    seen = run(many, jax.random.split(KEY, 4096)).mean(0)
    mean = layers.zoneout_inference(a, b, rate=0.25)
    assert (abs(seen - mean) <= 5 * b * np.sqrt(0.1875 / 4096)).all()
    with pytest.raises(
        ValueError, match=r"zoneout_inference: rate must be in \[0, 1\]"
    ):
        layers.zoneout_inference(a, b, rate=25)


@pytest.mark.parametrize(
    ("rate", "kept"), [(0, 6), (0.1, 5), (0.5, 3), (0.9, 1), (1.0, 1)]
)
def test_patch_dropout_keeps_so_many_tokens(rate, kept):
    """(1 − rate)·n rounded, but one at least, besides the prefix."""
    x = jnp.zeros((3, 8, 2))
    f = partial(layers.patch_dropout, rate=rate, key=KEY, prefix=2)
    assert jax.eval_shape(f, x).shape == (3, 2 + kept, 2)
    assert jax.eval_shape(f, x[:, :2]).shape == (3, 2, 2)


def test_patch_dropout_sends_the_gradient_to_what_it_kept():
    """Each example keeps other tokens; the rest have the gradient 0."""
    x = np.arange(40, dtype=np.float32).reshape(5, 8, 1)
    f = lambda v: layers.patch_dropout(v, rate=0.5, key=KEY)  # noqa: E731
    y, slope = run(lambda v: (f(v), jax.grad(lambda u: f(u).sum())(v)), x)
    assert (np.sort(y, axis=1) == y).all()
    assert (
        slope[..., 0] == [np.isin(*r) for r in zip(x[..., 0], y, strict=True)]
    ).all()
    assert len(np.unique(slope, axis=0)) > 1


def test_patch_dropout_takes_a_prefix_within_the_tokens():
    """And a sequence."""
    with pytest.raises(ValueError, match=r"prefix must be in \[0, 4\]; got 5"):
        layers.patch_dropout(jnp.ones((4, 2)), rate=0.5, key=KEY, prefix=5)
    with pytest.raises(ValueError, match="x must have at least 2 axes"):
        layers.patch_dropout(jnp.ones(4), rate=0.5, key=KEY)
