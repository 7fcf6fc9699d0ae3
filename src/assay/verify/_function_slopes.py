"""Derivatives of a function in float64, against differences of its reference."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay.verify import _measure
from assay.verify._function_subject import Subject

STEPS = (1e-3, 1e-2, 1e-4, 1e-5, 1e-6)  # a right derivative is right at one of them
INPUTS = 8  # so many inputs are moved one by one, more of them together


class Slopes(NamedTuple):
    """Along one line, of one input: the worst relative errors."""

    forward: float | None  # of jvp against differences; None: has no forward mode
    backward: float | None  # of vjp
    agreement: float | None  # of jvp against vjp
    second_forward: float | None  # of jvp of jvp
    second_backward: float | None  # of jvp of vjp, or of vjp of vjp
    name: str = ""  # of the input


class Derivatives:
    """What the function gives in float64 at (point, direction, weights)."""

    def __init__(self, subject: Subject):
        self.subject = subject
        with jax.enable_x64(True):
            self.start = subject.moving(subject.nudged(), jnp.float64)
            self.slots = [subject.arrays.index(k) for k in subject.floats]
            found = jax.eval_shape(self._floats, self._point(subject.nudged()))
            shapes = [y.shape for y in found]
            rng = np.random.default_rng(3)
            self.weights = [jnp.asarray(rng.standard_normal(s)) for s in shapes]
            parts = {"forward": self._forward, "backward": self._backward}
            parts["second_forward"] = self._second_forward
            self.parts = {n: f for n, f in parts.items() if self._traces(f)}
            for f in (self._second_backward, self._second_reverse):
                if "second_backward" not in self.parts and self._traces(f):
                    self.parts["second_backward"] = f
        self.run = jax.jit(lambda p, v: {n: f(p, v) for n, f in self.parts.items()})

    def __call__(self, point: list, line: list) -> dict[str, Any]:
        """Every derivative that the function has, as NumPy arrays."""
        with jax.enable_x64(True):
            return jax.device_get(self.run(self._point(point), self._point(line)))

    def _point(self, values: list) -> list:
        return [jnp.asarray(x, jnp.float64) for x in values]

    def _floats(self, point: list) -> list:
        moving = list(self.start)
        for slot, x in zip(self.slots, point, strict=True):
            moving[slot] = x
        outputs = jax.tree.leaves(self.subject.call(self.subject.mine, moving))
        return [y for y in outputs if jnp.issubdtype(y.dtype, jnp.floating)]

    def _forward(self, p: list, v: list) -> list:
        return jax.jvp(self._floats, (p,), (v,))[1]

    def _second_forward(self, p: list, v: list) -> list:
        return jax.jvp(lambda q: self._forward(q, v), (p,), (v,))[1]

    def _backward(self, p: list, v: list) -> Any:
        y, pull = jax.vjp(self._floats, p)
        weights = [w.astype(a.dtype) for w, a in zip(self.weights, y, strict=True)]
        return _inner(pull(weights)[0], v)

    def _second_backward(self, p: list, v: list) -> Any:
        return jax.jvp(lambda q: self._backward(q, v), (p,), (v,))[1]

    def _second_reverse(self, p: list, v: list) -> Any:
        return _inner(jax.grad(lambda q: self._backward(q, v))(p), v)

    def _traces(self, part: Callable) -> bool:
        """Whether there is such a derivative: custom rules and loops lack some.

        Lowered, not only traced: JAX refuses jvp of a custom_vjp as late as that.
        """
        point = self._point(self.subject.nudged())
        try:
            jax.jit(part).lower(point, point)
        except Exception:
            return False
        return True


def _inner(a: list, b: list) -> Any:
    pairs = zip(a, b, strict=True)
    return sum((jnp.vdot(x, y) for x, y in pairs), start=jnp.zeros(()))


def slopes(subject: Subject, bound: float) -> list[Slopes]:
    """One entry for each moving input, or for all together where there are many."""
    derivatives, n = Derivatives(subject), len(subject.floats)
    groups = [[k] for k in range(n)] if n <= INPUTS else [list(range(n))]
    return [_along(subject, derivatives, group, bound) for group in groups]


def _along(
    subject: Subject, derivatives: Derivatives, chosen: list[int], bound: float
) -> Slopes:
    """The least errors that any step on any line shows: rounding is no mistake."""
    least: list[float | None] = [None] * 5
    if _lost(subject, derivatives, chosen):
        return Slopes(float("inf"), *least[1:], name=_name(subject, chosen))
    for point, line in _lines(subject, chosen):
        found = derivatives(point, line)
        for step in STEPS:
            expected = _differences(subject, point, line, step)
            errors = _errors(found, expected, derivatives.weights)
            least = [_least(a, b) for a, b in zip(least, errors, strict=True)]
            first, second = ([e for e in part if e is not None] for part in _two(least))
            if max(first, default=0) <= bound and max(second, default=0) <= 10 * bound:
                return Slopes(*least, name=_name(subject, chosen))
    return Slopes(*least, name=_name(subject, chosen))


def _lost(subject: Subject, derivatives: Derivatives, chosen: list[int]) -> bool:
    """Whether a derivative at the inputs themselves is nan where differences are not.

    The lines that follow may step around such a point; the user's inputs do not.
    """
    point, line = list(_lines(subject, chosen))[1]
    found = derivatives(point, line)
    slope = _differences(subject, point, line, STEPS[0])[1]
    known = [np.isfinite(t) for t in slope]
    forward, backward = found.get("forward"), found.get("backward")
    if backward is not None and all(k.all() for k in known) and np.isnan(backward):
        return True
    pairs = zip(forward or [], known, strict=False)
    return any((np.isnan(g) & k).any() for g, k in pairs)


def _two(errors: list) -> tuple[list, list]:
    """Those of first and those of second order."""
    return errors[:3], errors[3:]


def _name(subject: Subject, chosen: list[int]) -> str:
    one = len(chosen) == 1
    return subject.names[subject.floats[chosen[0]]] if one else "all inputs"


def _least(old: float | None, new: float | None) -> float | None:
    known = [e for e in (old, new) if e is not None]
    return min(known, default=None)


def _lines(subject: Subject, chosen: list[int]) -> Iterator[tuple[list, list]]:
    """(point, direction): off the kinks, at the inputs, and in steps of their size."""
    rng = np.random.default_rng(7)
    noise = [rng.standard_normal(x.shape) for x in subject.point]
    plain = [np.where(np.isfinite(x), x, 0.5) for x in subject.point]
    for point, least in ((subject.nudged(), 1.0), (plain, 1.0), (plain, 0.0)):
        sizes = [np.maximum(np.abs(x), least) for x in point]
        yield (
            point,
            [
                v * s * (k in chosen)
                for k, (v, s) in enumerate(zip(noise, sizes, strict=True))
            ],
        )


def _differences(
    subject: Subject, point: list, line: list, step: float
) -> tuple[list, list, list]:
    """(value, slope, curvature) of the reference: central, fourth order."""

    def at(times):
        moved = [x + times * step * v for x, v in zip(point, line, strict=True)]
        outputs = subject.truth(moved)
        return [y for y in outputs if jnp.issubdtype(y.dtype, jnp.floating)]

    with np.errstate(all="ignore"):
        rows = list(zip(*map(at, (-2, -1, 0, 1, 2)), strict=True))
        slope = [(8 * (d - b) - (e - a)) / (12 * step) for a, b, _, d, e in rows]
        bend = [
            (16 * (b + d) - (a + e) - 30 * c) / (12 * step**2) for a, b, c, d, e in rows
        ]
    return [c for _, _, c, _, _ in rows], slope, bend


def _errors(found: dict, expected: tuple, weights: list) -> list[float | None]:
    """The five of `Slopes`, None where there is nothing to compare."""
    value, slope, bend = expected
    floor = 1e-6 * _size(value)
    first = max(_size(slope), floor)
    second = max(_size(bend), 1e-3 * first, floor)
    forward, backward = found.get("forward"), found.get("backward")
    return [
        _apart(forward, slope, first, value),
        _apart_by_weight(backward, slope, first, weights),
        _agreement(forward, backward, weights, floor),
        _apart(found.get("second_forward"), bend, second, value),
        _apart_by_weight(found.get("second_backward"), bend, second, weights),
    ]


def _agreement(
    forward: list | None, backward: Any, weights: list, floor: float
) -> float | None:
    """Of the two modes; where one is not finite, the differences judge it."""
    if forward is None or backward is None:
        return None
    if not all(np.isfinite(x).all() for x in (*forward, backward)):
        return None
    size = max(_measure.norm(forward), floor) or 1.0
    return abs(_dot(weights, forward) - float(backward)) / size


def _apart(got: list | None, true: list, size: float, value: list) -> float | None:
    """The worst leaf, relative to its norm; where differences are finite."""
    if got is None:
        return None
    worst = None
    for g, t, y in zip(got, true, value, strict=True):
        known = np.isfinite(t)
        if known.any() or not t.size:
            whole = max(_size([t]), 1e-3 * size, 1e-6 * _size([y])) or 1.0
            error = _number(_measure.norm([(g - t)[known]]) / whole)
            worst = error if worst is None else max(worst, error)
    return worst


def _apart_by_weight(got: Any, true: list, size: float, weights: list) -> float | None:
    """One number against the weighted sum of the differences."""
    if got is None or not all(np.isfinite(t).all() for t in true):
        return None
    return _number(abs(got - _dot(weights, true)) / (size or 1.0))


def _size(leaves: list) -> float:
    """The norm of what is finite."""
    return _measure.norm([np.where(np.isfinite(x), x, 0) for x in leaves])


def _dot(a: list, b: list) -> float:
    return float(sum(np.vdot(x, y) for x, y in zip(a, b, strict=True)))


def _number(error: Any) -> float:
    """A derivative that is not a number is infinitely wrong."""
    return float(error) if np.isfinite(error) else float("inf")
