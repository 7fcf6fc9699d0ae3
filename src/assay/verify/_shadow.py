"""Two optimizers on the same gradients: while training, and against float64."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.optim import Transform, chain
from assay.typing import Array, PyTree
from assay.verify import _record
from assay.verify._record import Difference, Record

# Optax's own second step of Adam is 1e-5 from the rule; a wrong rule is far more.
TOLERANCE = 2e-5


class Seen(NamedTuple):
    """What the last update saw and gave."""

    gradients: PyTree
    params: PyTree  # zeros as long as update is called without params
    mine: PyTree  # updates
    theirs: PyTree


class ShadowState(NamedTuple):
    """The state of `shadow`."""

    mine: Any  # the state of the one that acts
    theirs: Any  # the state of the one that follows
    count: Array  # () int32, updates so far
    record: Record  # mine against theirs
    last: Seen


def shadow(
    mine: Transform, reference: Transform, *, tolerance: float = TOLERANCE
) -> Transform:
    """`mine`, with `reference` fed the same gradients and parameters at every step.

    The updates are mine's; the state records where the two were furthest apart, and the
    first step beyond `tolerance` (relative to the update's largest entry in the leaf).
    Runs inside jit and scan like any transform; `difference` reads the record.

    >>> import jax.numpy as jnp, optax
    >>> from assay import optim
    >>> tx = shadow(optim.sgd(0.5), optax.sgd(0.25))
    >>> w = {"kernel": jnp.ones(3)}
    >>> updates, state = tx.update(w, tx.init(w), w)
    >>> updates["kernel"].tolist()
    [-0.5, -0.5, -0.5]
    >>> difference(state, w).first
    First(step=1, leaf='kernel', relative=1.0, ulp=8388608.0)
    """

    # A chain of one passes extra arguments only to those that take them.
    mine, reference = chain(mine), chain(reference)

    def init(params):
        with _record.relaxed():
            inner = mine.init(params), reference.init(params)
        zeros = [jax.tree.map(jnp.zeros_like, params) for _ in range(4)]
        count = jnp.zeros([], jnp.int32)
        return ShadowState(*inner, count, _record.empty(params), Seen(*zeros))

    def update(updates, state, params=None, **extra):
        with _record.relaxed():
            ours, m = mine.update(updates, state.mine, params, **extra)
            theirs, r = reference.update(updates, state.theirs, params, **extra)
            gap = _record.gap(ours, theirs)
        count = state.count + 1
        record = _record.note(state.record, count, gap, tolerance)
        seen = Seen(updates, params, ours, theirs)
        last = Seen(*map(_store, state.last, seen))
        return ours, ShadowState(m, r, count, record, last)

    return Transform(init, update)


def difference(state: Any, params: PyTree) -> Difference:
    """The greatest difference that a `shadow` recorded; its state may be nested.

    >>> import jax.numpy as jnp, optax
    >>> from assay import optim
    >>> tx = shadow(optim.adam(0.1), optax.adam(0.1))
    >>> w = jnp.array([1.0, 2.0])
    >>> _, state = tx.update(w, tx.init(w), w)
    >>> difference(state, w).relative < 2e-5
    True
    """
    return _record.read(_shadow_state(state).record, params)


class Rule64(NamedTuple):
    """The rule evaluated in float64 beside a float32 run: `init` and `step`."""

    init: Callable  # params -> RuleState
    step: Callable  # (RuleState, state of `shadow` or `Seen`) -> RuleState


class RuleState(NamedTuple):
    """The state of `rule64`; `rule_distances` reads it."""

    inner: Any  # the reference's state, in float64
    count: Array  # () int32
    mine: Record  # mine in float32 against the rule
    theirs: Record  # the reference in float32 against the rule
    apart: Record  # mine against the nearer of both: what is judged


class RuleDistances(NamedTuple):
    """How far the float32 updates are from the rule in float64."""

    mine: Difference
    theirs: Difference
    apart: Difference  # mine from the rule or from theirs, whichever is nearer


def rule64(reference: Transform, *, tolerance: float = TOLERANCE) -> Rule64:
    """`reference` stepped in float64 on the gradients that a `shadow` saw.

    A jit of its own under `jax.enable_x64`: the process stays in float32, and nothing
    waits for the device until `rule_distances` reads the result. Where the reference's
    own float32 is far from the rule, mine may be four times as far.

    >>> import jax.numpy as jnp, optax
    >>> from assay import optim
    >>> tx, rule = shadow(optim.adam(0.1), optax.adam(0.1)), rule64(optax.adam(0.1))
    >>> w = jnp.array([1.0, 2.0])
    >>> state, beside = tx.init(w), rule.init(w)
    >>> for _ in range(3):
    ...     _, state = tx.update(w, state, w)
    ...     beside = rule.step(beside, state)
    >>> found = rule_distances(beside, w)
    >>> found.mine.relative < 1e-6 < found.theirs.relative
    True
    """

    def init(params):
        with jax.enable_x64(True), _record.relaxed():
            inner = reference.init(_double(params))
        record = _record.empty(params)
        return RuleState(inner, jnp.zeros([], jnp.int32), record, record, record)

    @jax.jit
    def advance(state, seen):
        with _record.relaxed():
            args = _double(seen.gradients), state.inner, _double(seen.params)
            true, inner = reference.update(*args)
            mine = _record.gap(seen.mine, true)
            theirs = _record.gap(seen.theirs, true)
            between = _record.gap(seen.mine, seen.theirs)
        count = state.count + jnp.int32(1)
        follows = _record.note(state.theirs, count, theirs, tolerance)
        allowed = jnp.maximum(jnp.float32(tolerance), 4 * follows.lately)
        nearer = mine._replace(off=jnp.minimum(mine.off, between.off))
        return RuleState(
            inner,
            count,
            _record.note(state.mine, count, mine, tolerance),
            follows,
            _record.note(state.apart, count, nearer, allowed),
        )

    def step(state, seen):
        seen = seen if isinstance(seen, Seen) else _shadow_state(seen).last
        with jax.enable_x64(True):
            return advance(state, seen)

    return Rule64(init, step)


def rule_distances(state: RuleState, params: PyTree) -> RuleDistances:
    """Read what `rule64` found; see its example.

    >>> import jax.numpy as jnp, optax
    >>> w = jnp.ones(2)
    >>> rule_distances(rule64(optax.sgd(0.1)).init(w), w).mine.step
    0
    """
    records = state.mine, state.theirs, state.apart
    return RuleDistances(*(_record.read(r, params) for r in records))


def _double(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda x: jnp.asarray(x).astype(jnp.float64), tree)


def _store(old: PyTree, new: PyTree | None) -> PyTree:
    """The new leaves in the dtypes of the old; an absent one leaves the old."""
    if new is None:
        return old

    def leaf(n, o):
        return o if n is None or o is None else jnp.asarray(n).astype(o.dtype)

    return jax.tree.map(leaf, new, old, is_leaf=lambda x: x is None)


def _shadow_state(state: Any) -> ShadowState:
    """The (first) shadow in a nested state."""

    def is_shadow(x):
        return isinstance(x, ShadowState)

    found = [s for s in jax.tree.leaves(state, is_leaf=is_shadow) if is_shadow(s)]
    if not found:
        must = "the state must hold that of a shadow"
        _check.fail("verify.difference", must, type(state).__name__, kind=TypeError)
    return found[0]
