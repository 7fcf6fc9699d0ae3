"""What `verify.function` checks, one function each."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay.verify import _function_slopes as _slopes
from assay.verify._function_subject import Subject

FOLDS = 4  # another order of the same roundings may cost so many times the bound


class Check(NamedTuple):
    """One property: what was found, what is allowed, and where it broke."""

    name: str
    ok: bool | None  # None: not applicable
    found: float | None = None
    bound: float | None = None
    note: str = ""


class Gap(NamedTuple):
    """The furthest of two results, in ULP."""

    ulp: float
    note: str  # where, and the two numbers


def gap(got: list, true: list, moved: list | None, dtype: Any) -> Gap:
    """How far results are apart, in ULP of the value, or of what the inputs' ULP moves.

    A NaN or infinity where it should not be is infinitely far.
    """
    if [np.shape(g) for g in got] != [np.shape(t) for t in true]:
        shapes = " against ".join(_shapes(side) for side in (got, true))
        return Gap(float("inf"), f"shapes {shapes}")
    worst = Gap(0.0, "")
    for k, (g, t) in enumerate(zip(got, true, strict=True)):
        name = f"output {k}" if len(got) > 1 else "output"
        found = _leaf_gap(name, g, t, 0.0 if moved is None else moved[k], dtype)
        worst = max(worst, found, key=lambda f: f.ulp)
    return worst


def _leaf_gap(name: str, got: Any, true: Any, moved: Any, dtype: Any) -> Gap:
    kind = got.dtype if jnp.issubdtype(got.dtype, jnp.floating) else dtype
    exact = not jnp.issubdtype(got.dtype, jnp.floating)
    info = jnp.finfo(kind)
    tiny, largest = float(info.smallest_normal), float(info.max)
    g, t = np.asarray(got, np.float64), np.asarray(true, np.float64)
    same = (g == t) | (np.isnan(g) & np.isnan(t))
    if not exact:
        same |= (np.abs(t) < tiny) & (np.abs(g) <= tiny)
        same |= np.isinf(g) & (np.abs(t) > largest * (1 - 2.0**-info.nmant))
    if same.all():
        return Gap(0.0, "")
    with np.errstate(all="ignore"):
        exponent = np.floor(np.log2(np.maximum(np.abs(t), tiny)))
        unit = np.maximum(np.exp2(exponent - info.nmant), np.nan_to_num(moved))
        far = np.where(same, 0.0, np.abs(g - t) / unit)
    far = np.where(np.isfinite(far) & ~(exact & ~same), far, np.inf)
    place = np.unravel_index(int(far.argmax()), far.shape)
    where = f"{name}[{', '.join(map(str, place))}]" if place else name
    note = f"{where} is {g[place]:.9g}, should be {t[place]:.9g}"
    return Gap(float(far[place]), note)


def _shapes(leaves: list) -> str:
    return " ".join(str(tuple(np.shape(x))) for x in leaves) or "nothing"


def values(s: Subject, bound: float) -> list[Check]:
    """Mine in the inputs' dtype against the reference in float64."""
    found = gap(s.value(), s.expected, s.shaken, s.dtype)
    return [Check("values, ULP", found.ulp <= bound, found.ulp, bound, found.note)]


NAMES = (
    ("gradient, forward", "jvp is not the slope of the reference", 1),
    ("gradient, backward", "vjp is not the slope of the reference", 1),
    ("jvp = vjp", "the two modes differ", 1),
    ("second order, forward", "jvp of jvp is not the reference's curvature", 10),
    ("second order, backward", "the gradient's own derivative is wrong", 10),
)


def derivatives(s: Subject, bound: float) -> list[Check]:
    """First and second order, both modes, in float64."""
    if not s.floats or not any(_is_float(y) for y in s.expected):
        why = "nothing floating goes in, or comes out"
        return [Check(name, None, note=why) for name, _, _ in NAMES]
    if not s.exact:
        why = "the reference does not compute in float64"
        return [Check(name, None, note=why) for name, _, _ in NAMES]
    lines = _slopes.slopes(s, bound)
    return [_derivative(lines, k, bound * NAMES[k][2]) for k in range(len(NAMES))]


def _derivative(lines: list, k: int, bound: float) -> Check:
    name, wrong, _ = NAMES[k]
    known = [(line[k], line.name) for line in lines if line[k] is not None]
    if not known:
        why = "there is none, or the differences are not finite"
        return Check(name, None, note=why)
    error, where = max(known)
    ok = error <= bound
    return Check(name, ok, error, bound, "" if ok else f"{wrong}, by {where}")


def vmap_is_a_loop(s: Subject, bound: float) -> list[Check]:
    """vmap over the inputs and the same, moved by a percent, is two calls."""
    points = s.point, s.nudged()
    rows = [s.moving(point) for point in points]
    both = jax.tree.map(lambda *xs: jnp.stack(xs), *rows)
    batched = jax.jit(jax.vmap(lambda moving: s.call(s.mine, moving)))(both)
    leaves = jax.device_get(jax.tree.leaves(batched))
    found = [
        gap([y[k] for y in leaves], s.value(point), s.shaken, s.dtype)
        for k, point in enumerate(points)
    ]
    worst = max(found, key=lambda f: f.ulp)
    bound = FOLDS * bound
    return [Check("vmap = loop, ULP", worst.ulp <= bound, worst.ulp, bound, worst.note)]


def jit_is_eager(s: Subject, bound: float) -> list[Check]:
    """Called op by op it gives what a compiled call gives."""
    eager = jax.tree.leaves(s.call(s.mine, s.moving(s.point)))
    found = gap([np.asarray(y) for y in eager], s.value(), s.shaken, s.dtype)
    bound = FOLDS * bound
    return [Check("jit = eager, ULP", found.ulp <= bound, found.ulp, bound, found.note)]


def keeps_dtype(s: Subject, bound: float) -> list[Check]:
    """Floats of one dtype in, floats of that dtype out; traced only."""
    del bound
    if not s.floats:
        return [Check("dtype kept", None, note="nothing floating goes in")]
    wrong = []
    for dtype in (jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64):
        with jax.enable_x64(dtype == jnp.float64):
            try:
                out = jax.eval_shape(
                    lambda moving: s.call(s.mine, moving), s.moving(s.point, dtype)
                )
            except jax.dtypes.TypePromotionError as error:
                wrong.append(f"{dtype.__name__}: {_first_line(error)}")
                continue
            except Exception:  # not made for this dtype: it says so itself
                continue
        kinds = {y.dtype.name for y in jax.tree.leaves(out) if _is_float(y)}
        if kinds - {dtype.__name__}:
            wrong.append(f"{dtype.__name__} becomes {', '.join(sorted(kinds))}")
    return [Check("dtype kept", not wrong, note="; ".join(wrong))]


def non_finite(s: Subject, bound: float) -> list[Check]:
    """One nan, inf or −inf in each input: the same pattern in the output."""
    del bound
    if not any(x.size for x in s.point):
        return [Check("nan and inf", None, note="nothing floating goes in")]
    for k, x in enumerate(s.point):
        for kind in (np.nan, np.inf, -np.inf) if x.size else ():
            planted = x.copy()
            planted.flat[x.size // 2] = kind
            point = [planted if j == k else y for j, y in enumerate(s.point)]
            off = _pattern(s.value(point), s.truth(point))
            if off:
                name = s.names[s.floats[k]]
                return [Check("nan and inf", False, note=f"{kind} in {name}: {off}")]
    return [Check("nan and inf", True)]


def _pattern(got: list, true: list) -> str:
    """Where the two are not finite, or not, differently; empty if they agree."""
    for g, t in zip(got, true, strict=True):
        if not _is_float(g) or g.shape != t.shape:
            continue
        g_wide, largest = np.asarray(g, np.float64), float(jnp.finfo(g.dtype).max)
        edge = np.isfinite(t) & (np.abs(t) > 0.99 * largest)
        off = (_class(g_wide) != _class(np.where(edge, np.inf, t))) & ~edge
        if off.any():
            place = np.unravel_index(int(off.argmax()), off.shape)
            return f"the output is {g_wide[place]:.3g}, should be {t[place]:.3g}"
    return ""


def _class(x: np.ndarray) -> np.ndarray:
    """nan, inf and −inf as themselves, every number as 0."""
    known = np.where(np.isfinite(x), 0.0, x)
    return np.where(np.isnan(known), 2.0, np.sign(known))


def empty(s: Subject, bound: float) -> list[Check]:
    """No rows: what the reference gives, and nothing under vmap over nothing."""
    del bound
    name, note = "empty inputs", ""
    none = [jnp.zeros((0, *jnp.shape(x)), x.dtype) for x in s.moving(s.point)]
    try:
        out = jax.eval_shape(jax.vmap(lambda moving: s.call(s.mine, moving)), none)
        wrong = [y.shape for y in jax.tree.leaves(out) if y.shape[:1] != (0,)]
        note = f"vmap over nothing gives {wrong[0]}" if wrong else ""
    except Exception as error:
        note = f"vmap over nothing raises {_first_line(error)}"
    note = note or _without_rows(s)
    return [Check(name, not note, note=note)]


def _without_rows(s: Subject) -> str:
    """What is wrong when arrays with rows have none; empty if nothing."""
    lengths = [x.shape[0] for x in s.point if x.ndim]
    if not lengths:
        return ""
    cut = Subject(s.mine, s.reference, s.structure.unflatten(_cut(s, lengths[0])))
    try:
        expected = cut.truth()
    except Exception:  # the reference has no answer either
        return ""
    try:
        got = cut.value()
    except Exception as error:
        # With several arrays it is a guess which of them have rows.
        return f"raises {_first_line(error)}" if len(s.arrays) == 1 else ""
    found = gap(got, expected, None, s.dtype)
    return "" if found.ulp <= 1 else found.note


def _cut(s: Subject, length: int) -> list:
    return [
        x[:0] if k in s.arrays and jnp.shape(x)[:1] == (length,) else x
        for k, x in enumerate(s.leaves)
    ]


def _is_float(y: Any) -> bool:
    return jnp.issubdtype(y.dtype, jnp.floating)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]


CHECKS: dict[str, Callable] = {
    "values": values,
    "derivatives": derivatives,
    "vmap": vmap_is_a_loop,
    "jit": jit_is_eager,
    "dtype": keeps_dtype,
    "non_finite": non_finite,
    "empty": empty,
}
