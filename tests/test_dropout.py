"""The dropout family: what is dropped together, exact rates, moments, both ends."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

KEY = jax.random.key(0)
FAMILY = {  # name -> (the function, with its rate left open; a shape that it takes)
    "dropout": (layers.dropout, (4, 3)),
    "locked": (partial(layers.dropout, broadcast=-2), (4, 3)),
    "spatial_dropout": (layers.spatial_dropout, (4, 3, 5, 2)),
    "drop_connect": (layers.drop_connect, (4, 3)),
    "drop_path": (layers.drop_path, (4, 3, 5, 2)),
}
EACH = pytest.mark.parametrize("name", list(FAMILY))
ZEROS = {name: 0.0 for name in FAMILY}  # what stands where something was dropped


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


@EACH
def test_what_is_dropped_has_no_gradient_whatever_it_held(name):
    """NaN and infinity are dropped like any number."""
    f, shape = FAMILY[name]
    x = np.where(drawn(shape) > 0, np.nan, np.inf).astype(np.float32)
    both = lambda v, d: jax.jvp(lambda u: f(u, rate=1.0, key=KEY), (v,), (d,))  # noqa: E731
    y, dy = run(both, x, np.ones_like(x))
    assert (y == ZEROS[name]).all() and (dy == 0).all()


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
