"""The laws that every pure function keeps, each a function that raises when broken.

A law compares the function with itself in another setting, so it needs no reference.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from assay.verify import _function

PLATFORMS = ("cpu", "cuda", "tpu")


class Subject:
    """A function with one set of drawn inputs; what laws share is computed once."""

    def __init__(
        self, f: Callable, inputs: dict[str, Any], facts: dict[str, Any] | None = None
    ):
        self.f, self.inputs, self.facts = f, inputs, facts or {}

    def prepared(self, dtype: Any = jnp.float32) -> tuple[Callable, Any]:
        """(g, arrays): `g(arrays)` calls the function with the statics closed over."""
        arrays, statics = _function.split(_function.cast(self.inputs, dtype))
        return lambda a: _function.call(self.f, {**a, **statics}), arrays

    @functools.cached_property
    def compiled(self) -> Any:
        """The function of its arrays under a jit, in float32."""
        return jax.jit(self.prepared()[0])

    @functools.cached_property
    def outputs(self) -> Any:
        """The shapes of its result in float32: the trace is that of `compiled`."""
        with jax.enable_x64(False):
            return self.compiled.eval_shape(self.prepared()[1])

    @functools.cached_property
    def value(self) -> Any:
        """The compiled result."""
        return jax.device_get(self.compiled(self.prepared()[1]))

    @functools.cached_property
    def double(self) -> Any:
        """The result in float64; `has_second_derivatives` finds it on its way."""
        with jax.enable_x64(True):
            g, arrays = self.prepared(jnp.float64)
            return jax.device_get(quick(g)(arrays))


quick = functools.partial(jax.jit, compiler_options=_function.QUICK)  # run once


def agree(got: Any, expected: Any, what: str, tolerance: float = 1e-5) -> None:
    """Same structure, shapes, dtypes and NaN pattern; values within `tolerance`."""
    assert jax.tree.structure(got) == jax.tree.structure(expected), what
    for g, e in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert g.shape == e.shape and g.dtype == e.dtype, f"{what}: {g} against {e}"
        g, e = np.asarray(g, np.float64), np.asarray(e, np.float64)
        size = np.abs(e[np.isfinite(e)]).max(initial=1e-30)
        np.testing.assert_allclose(g, e, rtol=tolerance, atol=tolerance * size)


def op_by_op_on_numpy_is_compiled(s: Subject) -> None:
    """Called eagerly with NumPy arrays it gives what a jit gives with JAX's.

    NaN too, where the first floating argument has one in its middle.
    """
    g, arrays = s.prepared()
    known = jax.tree.map(np.asarray, arrays)
    agree(jax.device_get(g(known)), s.value, "eager")
    for name in [n for n in known if floating(known[n])][:1]:
        spoilt = {**known, name: _spoilt(known[name])}
        agree(jax.device_get(g(spoilt)), jax.device_get(s.compiled(spoilt)), "NaN")


def takes_numpy(s: Subject) -> None:
    """NumPy arrays, known while it is traced, give the same as arrays of JAX."""
    g, arrays = s.prepared()
    known = jax.tree.map(np.asarray, arrays)
    agree(jax.device_get(quick(lambda: g(known))()), s.value, "NumPy")


def takes_an_empty_axis(s: Subject) -> None:
    """vmap over nothing gives nothing; costs no program."""
    g, arrays = s.prepared()
    none = jax.tree.map(lambda x: jax.ShapeDtypeStruct((0, *x.shape), x.dtype), arrays)
    empty = jax.eval_shape(jax.vmap(g), none)
    assert all(y.shape[0] == 0 for y in jax.tree.leaves(empty))


def keeps_dtype(s: Subject) -> None:
    """Float inputs of one dtype give float outputs of that dtype; costs nothing."""
    for dtype in (jnp.float16, jnp.bfloat16, jnp.float32):
        g, arrays = s.prepared(dtype)
        if not any(floating(x) for x in jax.tree.leaves(arrays)):
            return  # positions and ids have no dtype to keep
        single = dtype == jnp.float32
        for y in jax.tree.leaves(s.outputs if single else jax.eval_shape(g, arrays)):
            if jnp.issubdtype(y.dtype, jnp.floating):
                assert y.dtype == dtype, f"{dtype.__name__} became {y.dtype}"


def takes_float64(s: Subject) -> None:
    """Under x64 float64 stays float64, and agrees with float32 to float32's digits."""
    pairs = zip(jax.tree.leaves(s.value), jax.tree.leaves(s.double), strict=True)
    for single, wide in pairs:
        if jnp.issubdtype(single.dtype, jnp.floating):
            assert wide.dtype == jnp.float64
            agree(single, np.asarray(wide).astype(np.float32), "x64", 1e-4)


def lowers_everywhere(s: Subject) -> None:
    """jax.export lowers the function for cpu, cuda and tpu."""
    export = jax.export.export(s.compiled, platforms=PLATFORMS)
    assert export(s.prepared()[1]).platforms == PLATFORMS


def runs_mapped_and_sharded(s: Subject) -> None:
    """Under vmap within shard_map, two copies on each of two devices: all four agree.

    One program asks for both; where it fails, each alone says which it is.
    """
    try:
        _copies_agree(s, lambda g: _sharded(jax.vmap(g)), "vmap within shard_map", 4)
    except Exception:  # JAX has none for a vmap of some switches
        _copies_agree(s, jax.vmap, "vmap", 2)
        _copies_agree(s, lambda g: _sharded(_alone(g)), "shard_map", 2)


def _copies_agree(s: Subject, how: Callable, what: str, count: int) -> None:
    """Each of so many copies gives what a single call gives."""
    g, arrays = s.prepared()
    many = jax.tree.map(lambda x: _copies(x, count), arrays)
    results = jax.device_get(quick(how(g))(many))
    for i in range(count):
        agree(jax.tree.map(lambda y, i=i: y[i], results), s.value, f"{what}, copy {i}")


def _sharded(f: Callable) -> Callable:
    """The function of its share of the leading axis, on two devices."""
    devices = jax.devices()[:2]
    kinds = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((len(devices),), ("d",), axis_types=kinds, devices=devices)
    spread = PartitionSpec("d")
    return jax.shard_map(f, mesh=mesh, in_specs=(spread,), out_specs=spread)


def _alone(g: Callable) -> Callable:
    """The function of a share that is one."""

    def f(a):
        y = g(jax.tree.map(lambda x: x[0], a))
        return jax.tree.map(lambda z: jnp.asarray(z)[None], y)

    return f


def has_second_derivatives(s: Subject) -> None:
    """Forward over reverse is finite, and is what forward gives the other way round.

    And both first derivatives say the same of the direction.
    """
    with jax.enable_x64(True):
        bend, moving = _bend(s)
        if not moving:
            return
        s.double, apart, (one, other) = jax.device_get(quick(bend)(moving))
    assert np.isfinite(one), "the second derivative is not finite"
    assert abs(apart) < 1e-12, f"reverse mode is {apart} off forward mode"
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def derivatives_are_traced(s: Subject) -> None:
    """What `has_second_derivatives` runs has shapes; costs no program."""
    with jax.enable_x64(True):
        bend, moving = _bend(s)
        if moving:
            jax.eval_shape(bend, moving)


def _bend(s: Subject) -> tuple[Callable, dict[str, Any]]:
    """(f, what moves): f gives the result, how far the modes are apart, the slopes'.

    Nothing moves where no output does: counts and decisions have no slope.
    """
    g, arrays = s.prepared(jnp.float64)
    moving = {n: a for n, a in arrays.items() if floating(a)}
    a, b = (like(moving, seed) for seed in (1, 2))

    def scalar(m):
        result = g({**arrays, **m})
        return sum(jnp.sum(jnp.sin(y)) for y in _moved(result)), result

    def pushed(m):
        _, along_a, result = jax.jvp(scalar, (m,), (a,), has_aux=True)
        return along_a, result

    def bend(m):
        slope, of_a = jax.jvp(jax.grad(lambda m: scalar(m)[0]), (m,), (a,))
        # b last here and first there: what is not symmetric differs as well.
        along_a, of_b, result = jax.jvp(pushed, (m,), (b,), has_aux=True)
        size = jnp.sqrt(inner(slope, slope) * inner(a, a))
        apart = (along_a - inner(slope, a)) / (size + 1e-30)
        return result, apart, (inner(of_a, b), of_b)

    return bend, moving if _moved(s.outputs) else {}


def _moved(result: Any) -> list:
    """The leaves that have a slope."""
    leaves = jax.tree.leaves(result)
    return [y for y in leaves if jnp.issubdtype(y.dtype, jnp.floating)]


def takes_both_kinds_of_key(s: Subject) -> None:
    """A typed key and the uint32 key of older code give the same numbers."""
    attended = floating(s.inputs.get("key", ()))  # the keys of attention
    if attended or "key" not in inspect.signature(s.f).parameters:
        return
    rest = {n: v for n, v in s.inputs.items() if n != "key"}
    rest, statics = _function.split(_function.cast(rest, jnp.float32))

    def both(arrays, *keys):  # one program, which finds most of it twice
        given = {**arrays, **statics}
        return [_function.call(s.f, {**given, "key": k}) for k in keys]

    typed, old = quick(both)(rest, jax.random.key(5), jax.random.PRNGKey(5))
    agree(jax.device_get(typed), jax.device_get(old), "keys", 0.0)


def floating(tree: Any) -> bool:
    """Whether all of its leaves are, and it has some."""
    leaves = jax.tree.leaves(tree)
    return bool(leaves) and all(jnp.issubdtype(x.dtype, jnp.floating) for x in leaves)


def like(tree: Any, seed: int) -> Any:
    """Gaussian numbers in the shapes of the leaves."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: rng.standard_normal(x.shape), tree)


def _spoilt(tree: Any) -> Any:
    """NaN in the middle of the first leaf."""
    first, *rest = jax.tree.leaves(tree)
    first = np.array(first)
    first.flat[first.size // 2 : first.size // 2 + 1] = np.nan
    return jax.tree.unflatten(jax.tree.structure(tree), [first, *rest])


def _copies(x: Any, n: int) -> Any:
    """n copies along a new axis, by NumPy: JAX would compile for each shape."""
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        return jnp.stack([x] * n)
    return np.stack([x] * n)


def inner(a: Any, b: Any) -> Any:
    """Σ a · b over all leaves."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return sum(jnp.vdot(x, y) for x, y in pairs)


LAWS = (
    op_by_op_on_numpy_is_compiled,
    takes_numpy,
    takes_an_empty_axis,
    keeps_dtype,
    lowers_everywhere,
    runs_mapped_and_sharded,
    has_second_derivatives,
    takes_float64,  # after it: the result is there already
    takes_both_kinds_of_key,
)

# What annotations have to hold for: everything that is traced, and nothing compiled.
TRACED = takes_an_empty_axis, keeps_dtype, derivatives_are_traced
