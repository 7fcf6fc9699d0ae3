"""The only place that words an argument error.

``who: what must hold; got what. What to do.``  ValueError for shapes, ranges and
names, TypeError for kinds. Traced values pass: only Python numbers are judged.
"""

import difflib
from collections.abc import Iterable
from typing import Any, NoReturn

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.experimental import checkify


def fail(
    who: str,
    must: str,
    got: Any,
    todo: str = "",
    *,
    kind: type[Exception] = ValueError,
) -> NoReturn:
    """Raise `kind` with the house's sentence."""
    raise kind(f"{who}: {must}; got {got}." + (f" {todo}" if todo else ""))


def same_shape(who: str, **arrays: Any) -> None:
    """All `arrays` (by their argument names) have one shape: nothing broadcasts."""
    shapes = {name: jnp.shape(a) for name, a in arrays.items()}
    if len(set(shapes.values())) > 1:
        names = " and ".join(shapes)
        got = ", ".join(f"{n}.shape={s}" for n, s in shapes.items())
        fail(who, f"{names} must have the same shape", got, "Reshape one of them.")


def floating(who: str, **arrays: Any) -> None:
    """All `arrays` hold floating point numbers."""
    for name, a in arrays.items():
        if not jnp.issubdtype(jnp.result_type(a), jnp.floating):
            todo = f"Convert it: {name}.astype(jnp.float32)."
            got = jnp.result_type(a)
            fail(who, f"{name} must be floating point", got, todo, kind=TypeError)


def integer(who: str, **arrays: Any) -> None:
    """All `arrays` hold integers."""
    for name, a in arrays.items():
        if not jnp.issubdtype(jnp.result_type(a), jnp.integer):
            todo = f"Convert it: {name}.astype(jnp.int32)."
            got = jnp.result_type(a)
            fail(who, f"{name} must be integers", got, todo, kind=TypeError)


def real(who: str, **arrays: Any) -> None:
    """All `arrays` hold real numbers: floating point or integers."""
    for name, a in arrays.items():
        dtype = jnp.result_type(a)
        if not any(jnp.issubdtype(dtype, k) for k in (jnp.floating, jnp.integer)):
            todo = f"Convert it: {name}.astype(jnp.float32)."
            fail(who, f"{name} must be real numbers", dtype, todo, kind=TypeError)


def within(who: str, name: str, value: Any, low: Any, high: Any) -> None:
    """A Python number lies in [low, high]; a traced one passes."""
    if isinstance(value, (int, float)) and not low <= value <= high:
        fail(who, f"{name} must be in [{low}, {high}]", value)


def rank_at_least(who: str, name: str, array: Any, rank: int, layout: str) -> None:
    """`array` has at least `rank` axes, laid out as `layout` says."""
    if jnp.ndim(array) < rank:
        must = f"{name} must have at least {rank} axes {layout}"
        fail(who, must, f"{name}.shape={jnp.shape(array)}")


def indices(who: str, name: str, ids: Any, size: int) -> None:
    """Known integers lie in [0, size); traced ones, and those of other hosts, pass."""
    if isinstance(ids, jax.core.Tracer) or not getattr(ids, "is_fully_addressable", 1):
        return
    known = np.asarray(ids)
    outside = known[(known < 0) | (known >= size)]
    if outside.size:
        fail(who, f"{name} must be in [0, {size})", outside.flat[0])


def debug(who: str, must: str, holds: Any, got: Any) -> None:
    """Judge traced values as well, once the user wraps the call in `checkify`."""
    try:
        checkify.debug_check(jnp.all(holds), f"{who}: {must}; got {{got}}.", got=got)
    except IndexError:  # JAX cannot batch a check over an empty axis
        pass


def choice(who: str, name: str, value: Any, known: Iterable[str]) -> None:
    """`value` is one of `known`; a near miss is suggested."""
    names = sorted(known)
    if value not in names:
        near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
        todo = f"Did you mean {near[0]!r}?" if near else ""
        fail(who, f"{name} must be one of {', '.join(names)}", repr(value), todo)


def extra(who: str, package: str, name: str) -> NoReturn:
    """An optional dependency is missing: say how to install it."""
    raise ModuleNotFoundError(
        f"{who}: needs {package}, which is not installed. "
        f"Run: python -m pip install 'assay[{name}]'",
        name=package,
    )
