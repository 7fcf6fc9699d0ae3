"""One function against its reference: values in ULP, derivatives in float64."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay.verify import _measure
from assay.verify.mirrors._given import Draw

STEP = 1e-5  # of the central difference: error h² f‴/6 and ε/h meet near 1e-10
MODERATE = 100.0  # differences say nothing about larger inputs: the step drowns in them
# Of a program that is run once, in float64: a fifth of the compiler's time.
QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
NUDGE = 1e-2  # off the kinks, which stated inputs love to sit on


class Found(NamedTuple):
    """What the comparison of one function found."""

    ulp: float  # greatest distance of the float32 value
    gradient: float | None  # greatest relative error of a derivative; None: has none


def draw(case: dict[str, Draw], seed: int = 0) -> dict[str, Any]:
    """The inputs of a case: NumPy float64 arrays that float32 holds exactly."""
    rng = np.random.default_rng(seed)
    made = {name: d.make(rng) for name, d in case.items()}
    return {n: v if _plain(v) else jax.tree.map(_exact, v) for n, v in made.items()}


def _plain(value: Any) -> bool:
    """Hyper-parameters pass as they are; arrays and trees of arrays are rounded."""
    return not any(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(value))


def _exact(leaf: Any) -> Any:
    floating = isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"
    return leaf.astype(np.float32).astype(np.float64) if floating else leaf


def cast(inputs: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """The same inputs as JAX arrays, floats in `dtype`, integers in int32."""

    def one(leaf):
        if not isinstance(leaf, np.ndarray):
            return leaf
        kinds = {"f": dtype, "i": jnp.int32, "u": jnp.uint32}
        # Not jnp.asarray, which compiles a program for each shape that is new to it.
        return jax.device_put(leaf.astype(kinds.get(leaf.dtype.kind, leaf.dtype)))

    return {n: v if _plain(v) else jax.tree.map(one, v) for n, v in inputs.items()}


def split(inputs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arrays, statics): what a jit traces, and what it closes over."""
    arrays = {n: v for n, v in inputs.items() if not _plain(v) or _is_jax(v)}
    return arrays, {n: v for n, v in inputs.items() if n not in arrays}


def _is_jax(value: Any) -> bool:
    return any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(value))


def call(function: Callable, inputs: dict[str, Any]) -> Any:
    """Call by name; a lone input by position, since tanh(x, /) takes it only so."""
    return function(*inputs.values()) if len(inputs) == 1 else function(**inputs)


def value(mine: Callable, inputs: dict[str, Any], dtype: Any = jnp.float32) -> Any:
    """`mine` at the inputs, compiled, in `dtype`."""
    arrays, statics = split(cast(inputs, dtype))
    return jax.jit(lambda a: call(mine, {**a, **statics}))(arrays)


def truth(reference: Callable, inputs: dict[str, Any]) -> Any:
    """The reference in float64, with the promotion rules that other libraries need."""
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        np.errstate(all="ignore"),  # limits are part of the inputs
    ):
        return jax.tree.map(np.asarray, call(reference, inputs))


def gradient(
    mine: Callable, reference: Callable, case: dict[str, Draw], inputs: dict[str, Any]
) -> float | None:
    """Our derivative in float64 against differences of the reference, along one line.

    Both modes: jvp against the slope of the reference, and vjp against jvp. None where
    nothing is differentiable, or the inputs are too large for differences.
    """
    moving = [n for n, d in case.items() if d.differentiable and not _plain(inputs[n])]
    if not _moderate([inputs[n] for n in moving]):
        return None
    inputs = {n: _nudged(v) if n in moving else v for n, v in inputs.items()}
    with jax.enable_x64(True):
        arrays = cast(inputs, jnp.float64)
        point = {n: arrays.pop(n) for n in moving}
        leaves = jax.tree.leaves(point)
        if not any(leaf.dtype == jnp.float64 for leaf in leaves):
            return None
        line = _direction(point)

        def f(q):
            return _floats(call(mine, {**arrays, **q}))

        @functools.partial(jax.jit, compiler_options=QUICK)
        def both(p, v):
            y, slope = jax.jvp(f, (p,), (v,))
            return slope, jax.vjp(f, p)[1](_weights(y))[0]

        slope, back = both(point, line)
        weights = _weights(slope)
    ends = [_moved(inputs, point, line, sign * STEP) for sign in (1, -1)]
    high, low = (_floats(truth(reference, e)) for e in ends)
    expected = [(h - lo) / (2 * STEP) for h, lo in zip(high, low, strict=True)]
    forward = _measure.relative(slope, expected)
    dots = (_dot(weights, slope), _dot(jax.tree.leaves(back), jax.tree.leaves(line)))
    size = _measure.norm(weights) * _measure.norm(slope) or 1.0
    return max(forward, abs(dots[0] - dots[1]) / size)


def _weights(leaves: list) -> list:
    """What the outputs are summed with: no two alike."""
    return [np.cos(np.arange(y.size, dtype=y.dtype)).reshape(y.shape) for y in leaves]


def _moderate(trees: list) -> bool:
    """Whether every number is finite and small enough to be moved by a step."""
    return all(np.all(np.abs(x) < MODERATE) for x in jax.tree.leaves(trees))


def _nudged(tree: Any) -> Any:
    """Floats moved by about a percent, up or down."""
    rng = np.random.default_rng(11)

    def one(x):
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
            return x
        return x + NUDGE * rng.uniform(0.2, 1, x.shape) * (np.abs(x) + 0.1)

    return jax.tree.map(one, tree)


def _floats(tree: Any) -> list:
    return [y for y in jax.tree.leaves(tree) if jnp.issubdtype(y.dtype, jnp.floating)]


def _dot(a: list, b: list) -> float:
    pairs = zip(a, b, strict=True)
    return float(sum(np.vdot(np.asarray(x), np.asarray(y)) for x, y in pairs))


def _direction(point: Any) -> Any:
    """A unit vector over all leaves, the same for the same shapes."""
    rng = np.random.default_rng(7)
    v = jax.tree.map(lambda x: rng.standard_normal(x.shape), point)
    size = _measure.norm(jax.tree.leaves(v)) or 1.0
    return jax.tree.map(lambda x: jax.device_put(x / size), v)


def _moved(inputs: dict, point: Any, line: Any, step: float) -> dict[str, Any]:
    ends = jax.tree.map(lambda p, v: np.asarray(p) + step * np.asarray(v), point, line)
    return {**inputs, **ends}


def compare(
    mine: Callable,
    reference: Callable,
    cases: list[dict[str, Draw]],
    *,
    rows: bool = False,
    differentiate: bool = True,
) -> Found:
    """The worst ULP and the worst derivative error over all cases."""
    ulps, slopes = [0.0], []
    for seed, case in enumerate(cases):
        inputs = draw(case, seed)
        got, true = value(mine, inputs), truth(reference, inputs)
        ulps.append(_measure.tree_ulp(got, true, rows=rows))
        if differentiate:
            slopes.append(gradient(mine, reference, case, inputs))
    return Found(max(ulps), max((s for s in slopes if s is not None), default=None))
