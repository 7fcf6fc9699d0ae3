"""The laws that every pure function keeps, each a function that raises when broken.

A law takes the function and one drawn set of inputs (`_function.draw`); it compares
the function with itself in another setting, so it needs no reference.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from assay.verify import _function

PLATFORMS = ("cpu", "cuda", "tpu")


def _prepared(f: Callable, inputs: dict, dtype: Any = jnp.float32) -> tuple:
    """(g, arrays): `g(arrays)` calls `f` with the statics closed over."""
    arrays, statics = _function.split(_function.cast(inputs, dtype))
    return lambda a: _function.call(f, {**a, **statics}), arrays


def _agree(got: Any, expected: Any, what: str, tolerance: float = 1e-5) -> None:
    """Same structure, shapes, dtypes and NaN pattern; values within `tolerance`."""
    assert jax.tree.structure(got) == jax.tree.structure(expected), what
    for g, e in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert g.shape == e.shape and g.dtype == e.dtype, f"{what}: {g} against {e}"
        g, e = np.asarray(g, np.float64), np.asarray(e, np.float64)
        size = np.abs(e[np.isfinite(e)]).max(initial=1e-30)
        np.testing.assert_allclose(g, e, rtol=tolerance, atol=tolerance * size)


def jit_is_eager(f: Callable, inputs: dict) -> None:
    """Compiled and op by op agree: nothing depends on Python seeing the values."""
    g, arrays = _prepared(f, inputs)
    _agree(jax.jit(g)(arrays), g(arrays), "jit")


def vmap_is_a_loop(f: Callable, inputs: dict) -> None:
    """vmap over a new axis equals calling twice; an empty axis gives empty results."""
    g, arrays = _prepared(f, inputs)
    twice = jax.tree.map(lambda x: jnp.stack([x, x]), arrays)
    one, both = jax.jit(g)(arrays), jax.jit(jax.vmap(g))(twice)
    _agree(jax.tree.map(lambda y: y[1], both), one, "vmap")
    none = jax.tree.map(lambda x: jnp.zeros((0, *x.shape), x.dtype), arrays)
    empty = jax.eval_shape(jax.vmap(g), none)
    assert all(y.shape[0] == 0 for y in jax.tree.leaves(empty))


def keeps_dtype(f: Callable, inputs: dict) -> None:
    """Float inputs of one dtype give float outputs of that dtype; costs nothing."""
    for dtype in (jnp.float16, jnp.bfloat16, jnp.float32):
        g, arrays = _prepared(f, inputs, dtype)
        for y in jax.tree.leaves(jax.eval_shape(g, arrays)):
            if jnp.issubdtype(y.dtype, jnp.floating):
                assert y.dtype == dtype, f"{dtype.__name__} became {y.dtype}"


def takes_float64(f: Callable, inputs: dict) -> None:
    """Under x64 float64 stays float64, and agrees with float32 to float32's digits."""
    g, arrays = _prepared(f, inputs)
    single = jax.jit(g)(arrays)
    with jax.enable_x64(True):
        g, arrays = _prepared(f, inputs, jnp.float64)
        double = jax.jit(g)(arrays)
    for s, d in zip(jax.tree.leaves(single), jax.tree.leaves(double), strict=True):
        if jnp.issubdtype(s.dtype, jnp.floating):
            assert d.dtype == jnp.float64
            _agree(s, np.asarray(d).astype(np.float32), "x64", 1e-4)


def takes_numpy(f: Callable, inputs: dict) -> None:
    """NumPy arrays serve as well as JAX's."""
    g, arrays = _prepared(f, inputs)
    numpy = jax.tree.map(np.asarray, arrays)
    _agree(jax.tree.map(jnp.asarray, g(numpy)), g(arrays), "NumPy inputs")


def lowers_everywhere(f: Callable, inputs: dict) -> None:
    """jax.export lowers the function for cpu, cuda and tpu."""
    g, arrays = _prepared(f, inputs)
    exported = jax.export.export(jax.jit(g), platforms=PLATFORMS)(arrays)
    assert exported.platforms == PLATFORMS


def runs_sharded(f: Callable, inputs: dict) -> None:
    """Under shard_map, one copy of the inputs a device, every device agrees."""
    devices = jax.devices()
    g, arrays = _prepared(f, inputs)
    kinds = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((len(devices),), ("d",), axis_types=kinds)
    many = jax.tree.map(lambda x: jnp.stack([x] * len(devices)), arrays)

    def local(a):
        y = g(jax.tree.map(lambda x: x[0], a))
        return jax.tree.map(lambda z: jnp.asarray(z)[None], y)

    spread = PartitionSpec("d")
    each = jax.shard_map(local, mesh=mesh, in_specs=(spread,), out_specs=spread)
    last = jax.tree.map(lambda y: y[-1], jax.device_get(jax.jit(each)(many)))
    _agree(last, jax.device_get(jax.jit(g)(arrays)), "shard_map")


def has_second_derivatives(f: Callable, inputs: dict) -> None:
    """Forward over reverse is finite and symmetric along two directions."""
    with jax.enable_x64(True):
        g, arrays = _prepared(f, inputs, jnp.float64)
        moving = {n: a for n, a in arrays.items() if _floating(a)}
        if not moving:
            return

        def scalar(m):
            outputs = jax.tree.leaves(g({**arrays, **m}))
            return sum(
                jnp.sum(jnp.sin(y))
                for y in outputs
                if jnp.issubdtype(y.dtype, jnp.floating)
            )

        a, b = (_like(moving, seed) for seed in (1, 2))

        @jax.jit
        def bend(m):
            def along(v):
                return jax.jvp(jax.grad(scalar), (m,), (v,))[1]

            return _inner(along(a), b), _inner(along(b), a)

        one, other = bend(moving)
    assert np.isfinite(one), "the second derivative is not finite"
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def takes_both_kinds_of_key(f: Callable, inputs: dict) -> None:
    """A typed key and the uint32 key of older code give the same numbers."""
    if "key" not in inspect.signature(f).parameters:
        return
    rest = _function.cast({n: v for n, v in inputs.items() if n != "key"}, jnp.float32)
    keys = jax.random.key(5), jax.random.PRNGKey(5)
    typed, old = (_function.call(f, {**rest, "key": k}) for k in keys)
    _agree(typed, old, "keys", 0.0)


def _floating(tree: Any) -> bool:
    leaves = jax.tree.leaves(tree)
    return bool(leaves) and all(jnp.issubdtype(x.dtype, jnp.floating) for x in leaves)


def _like(tree: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: jnp.asarray(rng.standard_normal(x.shape)), tree)


def _inner(a: Any, b: Any) -> Any:
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return sum(jnp.vdot(x, y) for x, y in pairs)


LAWS = (
    jit_is_eager,
    vmap_is_a_loop,
    keeps_dtype,
    takes_float64,
    takes_numpy,
    lowers_everywhere,
    runs_sharded,
    has_second_derivatives,
    takes_both_kinds_of_key,
)
