"""How a transform or a schedule, which is no array, is compared: by what it gives.

Each mirror states a property: the updates of ours in float32 over 100 noisy steps, and
those of the reference in float64.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from assay.verify import _record, _streams
from assay.verify.mirrors._given import given, mark, static
from assay.verify.rules import _rule

STEPS = 100


def walk(tx: Any, *, x64: bool = False, numpy: bool = False) -> np.ndarray:
    """The updates of a transform, one row a step; `numpy` takes one that is not JAX.

    All leaves in one row: a lone number crosses zero, and has no digits left there.
    """
    dtype = np.float64 if x64 else np.float32
    array, update = (np.asarray, tx.update) if numpy else (jnp.asarray, None)

    def cast(t):
        return jax.tree.map(lambda x: array(x, dtype), t)

    with jax.enable_x64(x64), _record.relaxed():
        params, update = (
            cast(_streams.parameters()["dense"]),
            update or jax.jit(tx.update),
        )
        state, rows = tx.init(params), []
        for gradients in _streams.gradients("noise", params, STEPS):
            updates, state = update(cast(gradients), state, params)
            rows.append(jax.tree.leaves(updates))
        rows = jax.device_get(rows)
        return np.stack([np.concatenate([u.ravel() for u in row]) for row in rows])


def curve(schedule: Callable, *, x64: bool = False, numpy: bool = False) -> np.ndarray:
    """The values of a schedule at 0 ... 30 and far beyond, the step being traced."""
    counts = [*range(31), 1000, 2**31 - 1]
    if numpy:
        return np.array([float(schedule(t)) for t in counts])
    with jax.enable_x64(x64), _record.relaxed():
        value = jax.jit(lambda t: jnp.asarray(schedule(t), float))
        # int32 / int is float32 in JAX, whatever the mode.
        count = jnp.int64 if x64 else jnp.int32
        return np.stack([value(count(t)) for t in counts])


def against(theirs: Callable, read: Callable, cases: list[dict], **facts) -> Callable:
    """A property: `read` of ours in float32, and of theirs in float64.

    `second` makes the same in NumPy, by other hands: an (init, update) pair, or the
    function of a schedule; without it `verify.rules` is asked for the name.
    """

    def mirror(ours, **arguments):
        return read(ours(**arguments)), read(theirs(**arguments), x64=True)

    for case in reversed(cases):
        mirror = given(**{n: static(v) for n, v in case.items()})(mirror)
    facts = {"property": True, "higher_order": True, "source": "optax", **facts}
    mirror.reference, mirror.read = theirs, read
    return mark(**facts)(mirror)


def transform(
    theirs: Callable, *cases: dict, second: Callable | None = None, **facts: Any
) -> Callable:
    """The mirror of something that makes a transform."""
    # A moment forgets its roundings as slowly as its gradients: sqrt(1000) of them.
    facts = {"rows": True, "ulp": 24, "second": second, **facts}
    return against(theirs, walk, list(cases) or [{}], **facts)


def schedule(
    theirs: Callable, *cases: dict, second: Callable | None = None, **facts: Any
) -> Callable:
    """The mirror of something that makes a schedule."""
    return against(theirs, curve, list(cases), **{"second": second, **facts})


def leafwise(f: Callable) -> Any:
    """A NumPy pair without state: f(t, g, p) on every leaf, t the updates before."""
    return _rule.transform(lambda t, g, p, s, rate: (f(t - 1, g, p), s))


def rate(t):
    """A schedule that changes at every step."""
    return 0.1 / (1 + t)
