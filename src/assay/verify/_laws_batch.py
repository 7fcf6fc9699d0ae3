"""Laws of batch axes and of shapes, read off the annotations.

An argument has batch axes in front if its annotation starts with "*batch", if it is
one of the `TREES`, as the `carry` of a cell, or if it is an `x` or `ids` of any shape.
What a function does otherwise its mirror says: `mark(batch=False)` where examples are
mixed on purpose, `mark(accepts=("one axis",))` where a shape that looks wrong is right.
"""

import inspect
import typing
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay.verify._laws import Subject, agree, floating, quick

TREES = (
    "carry",
    "previous",
    "deformation",
    "selection",
)  # all of their arrays have batch axes


def dims(f: Callable, name: str) -> str | None:
    """The shape in an argument's annotation, None if it has none."""
    parameter = inspect.signature(f).parameters.get(name)
    annotation = parameter.annotation if parameter else None
    for one in (annotation, *typing.get_args(annotation)):
        shape = getattr(one, "dim_str", None)
        if shape is not None:
            return shape
    return None


def with_batch(s: Subject) -> list[str]:
    """The given arguments that have batch axes."""

    def has(name: str) -> bool:
        shape = dims(s.f, name) or ""
        anything = shape == "..." and name in ("x", "ids")
        return name in TREES or shape.startswith("*batch") or anything

    return [n for n in s.prepared()[1] if has(n)]


def batch_axes_are_vmap(s: Subject) -> None:
    """One axis more in front: each of its entries is what the entry alone gives.

    Any other entry beside it, or none; and one axis fewer gives a result of one fewer.
    """
    names = with_batch(s)
    if not names or "key" in s.inputs or not s.facts.get("batch", True):
        return
    g, arrays = s.prepared()

    def changed(how):
        new = {n: jax.tree.map(how, arrays[n]) for n in names}
        return {**arrays, **new}

    empty = changed(lambda x: np.zeros((0, *x.shape), x.dtype))
    both, none, slope = _of_two_and_none(g, names)(changed(_beside_another), empty)
    agree(_second(both), s.value, "batch")
    for y, one in _leaves(none, s.value):
        assert y.shape == (0, *one.shape), f"of an empty batch: {y}"
    for one in jax.tree.leaves(slope):
        assert (one == 0).all(), "an empty batch moves the weights"
    try:
        fewer = jax.eval_shape(g, changed(lambda x: x[0]))
    except (ValueError, TypeError, IndexError):  # it had no batch axis
        return
    for y, one in _leaves(fewer, s.value):
        assert y.shape == one.shape[1:], f"without its first axis: {y}"


def _of_two_and_none(g: Callable, names: list[str]) -> Callable:
    """(two entries, an empty batch) -> both results, and the slope of the empty sum."""

    def total(weights, rest):
        result = g({**rest, **weights})
        leaves = jax.tree.leaves(result)
        return sum(jnp.sum(y.astype(jnp.float32)) for y in leaves), result

    def f(two, none):
        weights = {n: a for n, a in none.items() if n not in names and floating(a)}
        slope, empty = jax.grad(total, has_aux=True)(weights, none)
        return g(two), empty, slope

    return lambda two, none: jax.device_get(quick(f)(two, none))


def refuses_what_does_not_fit(s: Subject) -> None:
    """A wrong number of channels or axes: the house's sentence, by its own name."""
    told = {what: _refusal(s, shape) for what, shape in _wrong(s).items()}
    # A driver leaves it to the cell that it is given.
    functions = [s.f, *filter(callable, s.inputs.values())]
    names = tuple(f"{f.__name__}: " for f in functions)
    strange = {what: said for what, said in told.items() if not said.startswith(names)}
    assert not strange, strange


def _refusal(s: Subject, shape: tuple[int, ...]) -> str:
    """What is said of an x of this shape."""
    g, arrays = s.prepared()
    x = jax.ShapeDtypeStruct(shape, arrays["x"].dtype)
    try:
        y = jax.eval_shape(g, {**arrays, "x": x})
    except (ValueError, TypeError) as error:
        return str(error).splitlines()[0]
    except Exception as error:
        return repr(error)
    return f"nothing, and gives {y}"


def _wrong(s: Subject) -> dict[str, tuple[int, ...]]:
    """Shapes of x that the function has to refuse."""
    arrays, names = s.prepared()[1], with_batch(s)
    first, *rest = (dims(s.f, "x") or "...").split()
    if "x" not in names or first == "...":
        return {}
    sizes = arrays["x"].shape
    wrong: dict[str, tuple[int, ...]] = {"no axes": ()} if rest else {}
    if "space" in first or len(rest) > 1:
        wrong["one axis"] = sizes[-1:]
    weights = [n for n in arrays if n not in (*names, "key") and _has_axes(arrays[n])]
    if rest and (weights or rest[-1].isdigit()):
        wrong["a channel more"] = (*sizes[:-1], sizes[-1] + 1)
    accepted = s.facts.get("accepts", ())
    return {what: shape for what, shape in wrong.items() if what not in accepted}


def _has_axes(tree: Any) -> bool:
    return any(np.ndim(leaf) for leaf in jax.tree.leaves(tree))


def _beside_another(x: Any) -> np.ndarray:
    """x second, behind its own entries in another order."""
    x = np.asarray(x)
    return np.stack([x.ravel()[::-1].reshape(x.shape), x])


def _second(tree: Any) -> Any:
    return jax.tree.map(lambda y: y[1], tree)


def _leaves(a: Any, b: Any) -> Any:
    return zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)


LAWS = (batch_axes_are_vmap, refuses_what_does_not_fit)
