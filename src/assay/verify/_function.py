"""One function against its reference: values in ULP, derivatives in float64."""

import functools
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay.verify import _measure
from assay.verify.mirrors._given import Draw

STEP = 1e-5  # of the central difference: error h² f‴/6 and ε/h meet near 1e-10
MODERATE = 100.0  # differences say nothing about larger inputs: the step drowns in them
# Of a program that is run once, in float64: a fifth of the compiler's time.
QUICK: dict[str, Any] = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
if version("jaxlib").startswith("0.10."):  # others refuse what they do not know
    QUICK["xla_cpu_use_fusion_emitters"] = False  # the older ones take 2/5 of the time
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


def values(mine: Callable, drawn: list[dict[str, Any]]) -> list:
    """`mine` at each of the inputs in float32: one program, the compiler is slow."""
    pairs = [split(cast(inputs, jnp.float32)) for inputs in drawn]

    def every(moving):
        known = zip(moving, pairs, strict=True)
        return [call(mine, {**arrays, **rest}) for arrays, (_, rest) in known]

    return jax.jit(every)([arrays for arrays, _ in pairs])


def truth(reference: Callable, inputs: dict[str, Any]) -> Any:
    """The reference in float64, with the promotion rules that other libraries need."""
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        np.errstate(all="ignore"),  # limits are part of the inputs
    ):
        return jax.tree.map(np.asarray, call(reference, inputs))


class Line(NamedTuple):
    """Where a derivative is asked: from these inputs, along this direction."""

    inputs: dict[str, Any]  # off the kinks, in NumPy
    point: dict[str, Any]  # those of them that move, in float64
    toward: dict[str, Any]  # a unit vector over all their leaves

    def ends(self, step: float) -> dict[str, Any]:
        """The inputs, moved by so much of the direction."""
        move = lambda p, v: np.asarray(p) + step * np.asarray(v)  # noqa: E731
        return {**self.inputs, **jax.tree.map(move, self.point, self.toward)}


def line(case: dict[str, Draw], inputs: dict[str, Any]) -> Line | None:
    """None where nothing is differentiable, or too large for differences."""
    moving = [n for n, d in case.items() if d.differentiable and not _plain(inputs[n])]
    if not _moderate([inputs[n] for n in moving]):
        return None
    inputs = {n: _nudged(v) if n in moving else v for n, v in inputs.items()}
    point = cast({n: inputs[n] for n in moving}, jnp.float64)
    if not any(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(point)):
        return None
    return Line(inputs, point, _direction(point))


def gradients(mine: Callable, reference: Callable, lines: list[Line]) -> list[float]:
    """Our derivatives in float64 against differences of the reference, along the lines.

    Both modes: jvp against the slope of the reference, and vjp against jvp.
    """
    if not lines:
        return []
    with jax.enable_x64(True):
        slopes = _slopes(mine, lines)
    return [
        _slope_error(reference, one, *found)
        for one, found in zip(lines, slopes, strict=True)
    ]


def _slopes(mine: Callable, lines: list[Line]) -> list[tuple[list, Any]]:
    """(jvp along the line, vjp of some weights) for each: one program."""

    def both(one, point, toward):
        rest = {n: v for n, v in one.inputs.items() if n not in point}
        rest = cast(rest, jnp.float64)
        f = lambda q: _floats(call(mine, {**rest, **q}))  # noqa: E731
        y, slope = jax.jvp(f, (point,), (toward,))
        return slope, jax.vjp(f, point)[1](_weights(y))[0]

    @functools.partial(jax.jit, compiler_options=QUICK)
    def every(ends):
        return [both(one, *e) for one, e in zip(lines, ends, strict=True)]

    return every([(one.point, one.toward) for one in lines])


def _slope_error(reference: Callable, one: Line, slope: list, back: Any) -> float:
    """The worse of: jvp from the differences, vjp from jvp."""
    high, low = (_floats(truth(reference, one.ends(s))) for s in (STEP, -STEP))
    expected = [(h - lo) / (2 * STEP) for h, lo in zip(high, low, strict=True)]
    weights, toward = _weights(slope), jax.tree.leaves(one.toward)
    apart = _dot(weights, slope) - _dot(jax.tree.leaves(back), toward)
    size = _measure.norm(weights) * _measure.norm(slope) or 1.0
    return max(_measure.relative(slope, expected), abs(apart) / size)


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


def compare(
    mine: Callable,
    reference: Callable,
    cases: list[dict[str, Draw]],
    *,
    rows: bool = False,
    differentiate: bool = True,
) -> Found:
    """The worst ULP and the worst derivative error over all cases."""
    drawn = [draw(case, seed) for seed, case in enumerate(cases)]
    pairs = zip(values(mine, drawn), drawn, strict=True)
    ulps = [_measure.tree_ulp(y, truth(reference, i), rows=rows) for y, i in pairs]
    lines: list[Line] = []
    if differentiate:
        with jax.enable_x64(True):
            found = map(line, cases, drawn)
            lines = [one for one in found if one is not None]
    slopes = gradients(mine, reference, lines)
    return Found(max(ulps, default=0.0), max(slopes, default=None))
