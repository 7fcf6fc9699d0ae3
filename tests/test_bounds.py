"""The stated bounds hold: every function of one array beside its float64 oracle.

The oracles themselves are held to mpmath by scripts/oracles.py (docs/oracles.md);
`python -m benchmarks.exhaustive` walks all 2³² inputs.
"""

import inspect
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay.verify import _accuracy, _beside, _bounds, _points, _sections, discover
from assay.verify.oracles import ORACLES, Oracle

ROOT = Path(__file__).parents[1]
COUNT = 2**20  # random bit patterns a function
ROOMS = tuple(_bounds.STATED)
PUBLIC = [(room, name) for room in ROOMS for name in discover(room)]


def own_keys():
    """The keys without those of aliases: swish is silu."""
    seen = {}
    for key, oracle in ORACLES.items():
        mine = _sections.ours(key) if key in discover("activations") else key
        seen.setdefault((mine, oracle.value), key)
    return list(seen.values())


@pytest.mark.optimized
@pytest.mark.parametrize("key", own_keys())
def test_the_bound_holds(key):
    """On a million random bit patterns, in the middle, and at the points that matter.

    NaN gives NaN and the infinities their limits, in value and first derivative.
    """
    f, oracle = _sections.ours(key), ORACLES[key]
    if f is None:
        pytest.skip(f"there is no {key}")
    x = _accuracy.inputs(oracle, COUNT)
    found = _accuracy.measure(_accuracy.differentiated(f), oracle, x)
    bound = _sections.stated(key) or _bounds.most(*_sections.parsed(key)[:2])
    assert _beside.Beside(key, bound, {"assay": found}).faults == []


@pytest.mark.parametrize("key", own_keys())
def test_half_precision_is_rounded_once(key):
    """0.51 ULP on all 65,536 inputs of bfloat16 and float16: value and derivative."""
    f, oracle = _sections.ours(key), ORACLES[key]
    if f is None:
        pytest.skip(f"there is no {key}")
    inputs = [half.inputs() for half in _accuracy.HALVES]
    both = jax.jit(lambda xs: [jax.jvp(f, (x,), (jnp.ones_like(x),)) for x in xs])
    for half, x, got in zip(_accuracy.HALVES, inputs, both(inputs), strict=True):
        x = np.asarray(x, np.float64)
        use = _points.within(x, oracle) & ~np.isin(x, oracle.kinks)
        true = _accuracy.truths(oracle, x[use])
        bound = _sections.stated(key) or _bounds.MOST
        orders = _accuracy.ORDERS[: 1 if bound.first is None else 2]
        for order, y, t in zip(orders, got, true, strict=False):
            off = half.ulps(y[use], t)
            at = off.argmax()
            assert off[at] <= 0.51, (
                f"{order} of {y.dtype}: {off[at]:.3g} at {x[use][at]}"
            )


@pytest.mark.parametrize(("room", "name"), PUBLIC)
def test_every_function_states_its_bound(room, name):
    """A row in the table, and the docstring's last line is its sentence."""
    assert name in _bounds.STATED[room], f"no row for {room}.{name}"
    last = (inspect.getdoc(discover(room)[name]) or "").splitlines()[-1:]
    assert last == [_bounds.STATED[room][name].sentence()]


@pytest.mark.parametrize("room", ROOMS)
def test_no_bound_is_above_the_promise(room):
    """4 ULP, 8 and 16 for derivatives; a row without a function is an old name."""
    assert set(_bounds.STATED[room]) <= set(discover(room))
    for name, bound in _bounds.STATED[room].items():
        for stated, most in zip(bound[:3], _bounds.most(room, name)[:3], strict=True):
            assert stated is None or stated <= most, f"{room}.{name}"


def test_every_activation_of_one_array_has_an_oracle():
    """Those that state derivatives: a new one cannot be forgotten here."""
    rows = _bounds.ACTIVATIONS.items()
    stated = {name for name, bound in rows if bound.second is not None}
    known = {_sections.parsed(key).name for key in ORACLES}
    assert stated - known == set()


def test_subnormals_flush_to_a_signed_zero():
    """XLA on CPU: subnormal inputs are zeros, subnormal results become them."""
    tiny = np.float32([1e-39, -1e-39])
    got = np.asarray(jax.jit(lambda x: jnp.stack([x * 1e3, x + x]))(tiny))
    assert (got == 0).all() and (np.signbit(got) == [False, True]).all()
    small = np.float32([2.0**-126, -(2.0**-126)])
    halved = np.asarray(jax.jit(lambda x: x * 0.5)(small))
    assert (halved == 0).all() and (np.signbit(halved) == [False, True]).all()


def test_ulp_are_counted_in_the_spacing_of_the_truth():
    """A neighbour is 1 away, also from infinity; zero is right for subnormals."""
    top = float(np.finfo(np.float32).max)
    got = np.float32([1 + 2**-23, 0, 0, np.inf, np.inf, np.nan, np.nan, 2.0**-126])
    true = np.array([1.0, 1e-40, 1e-30, top, 1e39, np.nan, 1.0, 0.0])
    found = _accuracy.ulps(got, true)
    want = [1, 0, 1e-30 * 2.0**123, 1, 0, 0, np.inf, 2.0**23]
    np.testing.assert_allclose(found, want)


def shifted(by):
    """tanh with an error in one order alone."""

    @jax.custom_jvp
    def slope(x):
        return (1 + by[1]) * jnp.exp(-2 * jnp.abs(x))

    @jax.custom_jvp
    def f(x):
        return (1 + by[0]) * jnp.exp(x)

    f.defjvps(lambda t, y, x: t * slope(x))
    slope.defjvps(lambda t, y, x: t * (1 + by[2]) * jnp.exp(-jnp.abs(x)))
    return f


@pytest.mark.parametrize("order", range(3))
def test_an_error_is_found_in_the_order_that_has_it(order):
    """1e-5 is 84 to 168 ULP, and the other orders stay clean."""
    by = [0.0, 0.0, 0.0]
    by[order] = 1e-5
    oracle = Oracle(
        np.exp, lambda x: np.exp(-2 * np.abs(x)), lambda x: np.exp(-np.abs(x))
    )
    x = np.linspace(-5, 5, 501, dtype=np.float32)
    x = x[x != 0]
    found = _accuracy.measure(_accuracy.differentiated(shifted(by)), oracle, x)
    assert [84 < worst.ulp < 171 for worst in found.orders] == [
        i == order for i in range(3)
    ]


def test_the_points_hold_what_matters():
    """Kinks and their neighbours, roots, powers of two, infinities and NaN."""
    x = _accuracy.inputs(ORACLES["hard_silu"], 1000)
    near = np.nextafter(np.float32(3), np.float32(4))
    for point in (3.0, near, -1.5, 2.0**-126, -(2.0**127), np.inf, -np.inf):
        assert (x == np.float32(point)).any(), point
    assert np.isnan(x).any() and not ((x != 0) & (np.abs(x) < 2.0**-126)).any()
    assert set(np.unique(_points.patterns(4096).view(np.uint32) >> 31)) == {0, 1}


def test_the_page_of_figures_names_every_function():
    """docs/accuracy.md and docs/oracles.md: each measured function has its row."""
    measured = {key for key in ORACLES if _sections.ours(key) is not None}
    for page, keys in (("accuracy.md", measured), ("oracles.md", set(ORACLES))):
        lines = (ROOT / "docs" / page).read_text().splitlines()
        told = {line.split("|")[1].strip() for line in lines if line.startswith("|")}
        assert keys - told == set()
