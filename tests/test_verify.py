"""The instruments themselves: they see what is wrong, and pass what is right."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import verify
from assay.autodiff import with_backward
from assay.typing import Array, Float
from assay.verify import _function, _laws, _laws_batch, _measure, _rooms
from assay.verify.mirrors._given import given, integers, normal, static


@given(x=(2, 5, 3), kernel=(3, 4), times=static(2))
def product(x, kernel, times):
    """Reference: a matrix product, scaled."""
    return np.asarray(x) @ np.asarray(kernel) * times


def right(x, kernel, *, times):
    """Equal to the reference."""
    return x @ kernel * times


def wrong_by_a_percent(x, kernel, *, times):
    """One percent off everywhere."""
    return right(x, kernel, times=times) * 1.01


def transposed(x, kernel, *, times):
    """The batch axes swapped: the shapes differ, so nothing can hide it."""
    return jnp.swapaxes(right(x, kernel, times=times), 0, 1)


def test_a_right_function_is_within_a_few_ulp():
    found = _function.compare(right, product, product.cases, rows=True)
    assert found.ulp < 4 and found.gradient < 1e-9


@pytest.mark.parametrize("mutant", [wrong_by_a_percent, transposed])
def test_a_wrong_value_is_seen(mutant):
    found = _function.compare(
        mutant, product, product.cases, rows=True, differentiate=False
    )
    assert found.ulp > 1e4


def test_a_wrong_derivative_is_seen():
    """The value is right, the derivative one percent off: only the slope tells."""
    import jax

    @jax.custom_jvp
    def cube(x):
        return x**3

    cube.defjvps(lambda t, y, x: 1.01 * 3 * x**2 * t)
    case = {"x": normal(400)}
    found = _function.compare(cube, lambda x: np.asarray(x) ** 3, [case])
    assert found.ulp < 4 and 0.009 < found.gradient < 0.011


def test_ulp_counts_neighbours():
    one = np.float32(1)
    assert _measure.ulp(np.nextafter(one, np.float32(2)), 1.0) == 1.0
    assert _measure.ulp(np.float32(np.nan), 1.0) == float("inf")
    assert _measure.ulp(np.float32(np.nan), np.nan) == 0.0
    assert _measure.ulp(np.float32(0), 1e-40) == 0.0  # XLA flushes subnormals
    assert _measure.ulp(np.float32(np.inf), 1e39) == 0.0  # float32 overflows
    assert _measure.ulp(np.float32(np.inf), 1e30) == float("inf")


def test_rows_measure_against_the_rows_largest():
    got, true = np.float32([1e-3, 1000.0]), np.array([0.0, 1000.0])
    assert _measure.ulp(got, true, rows=True) == pytest.approx(1e-3 * 2**23 / 512)


def test_inputs_are_float32_exact_and_repeat():
    case = {"x": normal(3, 2), "labels": integers(3, high=5)}
    first, second = _function.draw(case), _function.draw(case)
    np.testing.assert_array_equal(first["x"], second["x"])
    np.testing.assert_array_equal(first["x"], first["x"].astype(np.float32))
    assert first["labels"].max() < 5


def test_laws_break_for_functions_that_break_them():
    """Each broken on purpose once."""

    def subject(f):
        return _laws.Subject(f, {"x": np.linspace(-1, 1, 7)})

    with pytest.raises(AssertionError):
        _laws.keeps_dtype(subject(lambda x: x.astype(jnp.float32)))
    with pytest.raises(AssertionError):
        looks = lambda x: x * (2 if isinstance(x, _tracer()) else 1)  # noqa: E731
        _laws.op_by_op_on_numpy_is_compiled(subject(looks))
    with pytest.raises(AssertionError):
        _laws.takes_numpy(subject(lambda x: x * (1 + isinstance(x, np.ndarray))))
    with pytest.raises(AssertionError, match="second derivative"):
        _laws.has_second_derivatives(subject(lambda x: jnp.sqrt(jnp.abs(x - x))))
    with pytest.raises(AssertionError, match="off forward mode"):
        _laws.has_second_derivatives(subject(_twice_the_slope()))
    with pytest.raises(AssertionError, match="Not equal to tolerance rtol=1e-06"):
        both = {"x": np.ones(2), "y": np.full(2, 0.5)}
        _laws.has_second_derivatives(_laws.Subject(_half_a_bend, both))
    with pytest.raises(AssertionError, match="Not equal"):
        keyed = {"x": np.ones(2), "key": jax.random.key(0)}
        _laws.takes_both_kinds_of_key(_laws.Subject(_sees_the_kind, keyed))
    with pytest.raises(AssertionError):
        _laws.runs_mapped_and_sharded(subject(lambda x: x + _batched(x)))


def _row(x: Float[Array, "*batch c"], bias: Float[Array, " c"], mixed=0.0):
    """x + bias, or what mixes examples, and refuses nothing by itself."""
    return x + jnp.broadcast_to(bias, x.shape) + mixed * x.sum()


def _mean_of_none(x: Float[Array, "*batch c"], bias: Float[Array, " c"]):
    """x + bias; of an empty batch an empty result, with a slope of NaN."""
    size = jnp.asarray(x.shape[0], x.dtype)
    return x + jnp.broadcast_to(bias * (size / size), x.shape)


def test_laws_of_batch_axes_break_too():
    """A sum over the batch, a slope of an empty one, an error of somebody else."""
    inputs = {"x": np.ones((2, 3)), "bias": np.ones(3)}

    def subject(f, **facts):
        return _laws.Subject(f, inputs, facts)

    mixed = functools.partial(_row, mixed=1.0)
    _laws_batch.batch_axes_are_vmap(subject(_row))
    _laws_batch.batch_axes_are_vmap(subject(mixed, batch=False))
    with pytest.raises(AssertionError, match="Not equal"):
        _laws_batch.batch_axes_are_vmap(subject(mixed))
    with pytest.raises(AssertionError, match="moves the weights"):
        _laws_batch.batch_axes_are_vmap(subject(_mean_of_none))
    with pytest.raises(AssertionError, match="a channel more.*broadcast"):
        _laws_batch.refuses_what_does_not_fit(subject(_row))
    accepted = subject(_row, accepts=("a channel more", "no axes"))
    _laws_batch.refuses_what_does_not_fit(accepted)


def _twice_the_slope():
    """A reverse rule that is wrong."""
    return with_backward(
        jnp.sin,
        lambda x: (jnp.sin(x), ()),
        lambda args, _, ct: (2 * jnp.cos(args[0]) * ct,),
    )


@jax.custom_jvp
def _half_a_bend(x, y):
    """x y, whose slope by x bends with y, but whose slope by y not with x."""
    return x * y


@_half_a_bend.defjvp
def _(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return x * y, dx * y + dy * jax.lax.stop_gradient(x)


def _sees_the_kind(x, key):
    """x, a little more for the keys of older code."""
    return x * (1 if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else 1.001)


def _tracer():
    return jax.core.Tracer


def _batched(x):
    """1 under vmap, 0 otherwise: what a law must notice."""
    return 1.0 if "Batch" in type(x).__name__ else 0.0


def test_an_unknown_room_suggests_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'losses'"):
        list(verify.rows(["loses"]))


def test_an_exception_is_a_row_that_says_so(monkeypatch):
    monkeypatch.setattr(_rooms, "_find", lambda *_: 1 / 0)
    row = _rooms.row("costs", next(iter(verify.discover("costs"))))
    assert not row.ok and "ZeroDivisionError" in row.note
    assert "1 of 1" in verify.summary([row])
