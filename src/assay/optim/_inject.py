"""Hyper-parameters held in the state: changed, scheduled and read without a trace."""

import inspect
import typing
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, with_extra_args_support
from assay.typing import Array, DType, PyTree, Schedule


class InjectStatefulHyperparamsState(NamedTuple):
    """The state of what `inject_hyperparams` makes."""

    count: Array  # () int32, updates so far
    hyperparams: dict[str, Array]  # name -> value of the last update, >= float32
    hyperparams_states: dict[str, PyTree]  # name -> state of its schedule
    inner_state: PyTree  # of the transform itself


class WrappedScheduleState(NamedTuple):
    """The state of a schedule of the step."""

    count: Array  # () int32, updates so far


def inject_hyperparams(
    inner_factory: Callable[..., Transform],
    static_args: str | Iterable[str] = (),
    hyperparam_dtype: DType | None = None,
) -> Callable[..., Transform]:
    """The same factory, its numbers in the state, each of them a number or a schedule.

    At least float32 whatever the parameters' dtype. Never in the state: `static_args`,
    and what an annotation of `inner_factory` says is no number (int, bool, a mask).

    >>> from assay import optim
    >>> tx = inject_hyperparams(optim.sgd)(learning_rate=0.1)
    >>> state = tx.init(jnp.ones(()))
    >>> state = set_hyperparams(state, learning_rate=0.5)
    >>> updates, state = tx.update(jnp.ones(()), state)
    >>> float(updates), float(hyperparams(state)["learning_rate"])
    (-0.5, 0.5)

    The dict may be written to as well, with an array of its dtype: a Python number has
    a weak type, for which `jit` traces once more.
    """
    who, signature = "inject_hyperparams", inspect.signature(inner_factory)
    static = {static_args} if isinstance(static_args, str) else set(static_args)
    for name in sorted(static):
        _check.choice(who, "a name in static_args", name, signature.parameters)

    @wraps(inner_factory)
    def factory(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = _flat(bound)
        kinds = {n: _kind(signature, n, x, static) for n, x in given.items()}
        rest = {n: x for n, x in given.items() if kinds[n] == "fixed"}
        numbers = {n: x for n, x in given.items() if kinds[n] == "number"}
        schedules = {n: x for n, x in given.items() if kinds[n] == "schedule"}

        def make(values):
            return with_extra_args_support(inner_factory(**rest, **values))

        return _injected(make, numbers, schedules, hyperparam_dtype)

    return factory


def hyperparams(state: PyTree) -> dict[str, Array]:
    """name -> value of all hyper-parameters that any transform in the state holds.

    A name that is there more than once has its place before it: 0/learning_rate.

    >>> from assay import optim
    >>> tx = optim.chain(optim.clip(1.0), inject_hyperparams(optim.sgd)(0.25))
    >>> {n: float(x) for n, x in hyperparams(tx.init(jnp.ones(2))).items()}
    {'learning_rate': 0.25}
    """
    leaves = jax.tree.leaves(state)
    return {name: leaves[k] for name, k in _places(state).items()}


def set_hyperparams(state: PyTree, **values: Any) -> PyTree:
    """The state with other values, in the old dtypes: the next step is not traced anew.

    Names as `hyperparams` gives them.

    >>> from assay import optim
    >>> state = inject_hyperparams(optim.sgd)(0.25).init(jnp.ones(2))
    >>> float(set_hyperparams(state, learning_rate=0.5).hyperparams["learning_rate"])
    0.5
    """
    leaves, structure = jax.tree.flatten(state)
    places, scheduled = _places(state), _places(state, "hyperparams_states")
    for name, value in values.items():
        _check.choice("set_hyperparams", "a name", name, places)
        if name in scheduled:
            must = "only what follows no schedule can be set"
            _check.fail("set_hyperparams", must, f"{name}={value}")
        old = leaves[places[name]]
        new = jnp.asarray(value, jnp.result_type(old))
        leaves[places[name]] = jnp.array(jnp.broadcast_to(new, jnp.shape(old)))
    return structure.unflatten(leaves)


class _OfTheStep(NamedTuple):
    """A schedule of the step as one with a state."""

    schedule: Schedule

    def init(self):
        return WrappedScheduleState(jnp.zeros([], jnp.int32))

    def update(self, state, **extra):
        del extra
        return WrappedScheduleState(arithmetic.increment(state.count))

    def __call__(self, state, **extra):
        del extra
        return self.schedule(state.count)


def _injected(make, numbers, schedules, dtype):
    """The transform whose `make(values)` is called anew with the state's values."""
    schedules = {
        n: f if _is_stateful(f) else _OfTheStep(f) for n, f in schedules.items()
    }

    def init(params):
        wide = dtype or arithmetic.wide(*jax.tree.leaves(params))
        states = {n: f.init() for n, f in schedules.items()}
        now = {n: f(states[n]) for n, f in schedules.items()}
        values = {n: _held(x, wide, dtype) for n, x in {**numbers, **now}.items()}
        inner = make(values).init(params)
        count = jnp.zeros([], jnp.int32)
        return InjectStatefulHyperparamsState(count, values, states, inner)

    def update(updates, state, params=None, **extra):
        old, states = state.hyperparams, state.hyperparams_states
        now = {n: f(states[n], **extra) for n, f in schedules.items()}
        # In the dtype of the state and never of a weak type: one trace for all steps.
        values = {
            n: jnp.asarray(x, jnp.result_type(old[n]))
            for n, x in {**old, **now}.items()
        }
        states = {n: f.update(states[n], **extra) for n, f in schedules.items()}
        updates, inner = make(values).update(
            updates, state.inner_state, params, **extra
        )
        count = arithmetic.increment(state.count)
        new = InjectStatefulHyperparamsState(count, values, states, inner)
        return updates, new

    return Transform(init, update)


def _held(x, wide, dtype):
    """As the state holds it: numbers in `wide`, arrays in their own dtype if wide.

    A copy: the state may be donated, the user's number not.
    """
    if not jnp.issubdtype(jnp.result_type(x), jnp.floating):
        return jnp.array(x, jnp.result_type(x), copy=True)
    strong = isinstance(x, jax.Array) and not x.weak_type
    return jnp.array(x, dtype or (arithmetic.wide(x) if strong else wide), copy=True)


def _flat(bound):
    """The arguments by name, those of **kwargs among them."""
    named = dict(bound.arguments)
    for name, p in bound.signature.parameters.items():
        if p.kind is p.VAR_KEYWORD:
            named.update(named.pop(name))
    return named


def _kind(signature, name, value, static):
    """What becomes of an argument: "fixed", "number" or "schedule"."""
    parameter = signature.parameters.get(name)
    if name in static or isinstance(value, (bool, type)):
        return "fixed"
    if parameter is not None and not _may_be_number(parameter.annotation):
        return "fixed"
    if callable(value):
        return "schedule"
    is_number = isinstance(value, (int, float, jax.Array, np.ndarray, np.generic))
    return "number" if is_number else "fixed"


def _may_be_number(annotation):
    """Whether it names float or an array, or says nothing."""
    if annotation in (inspect.Parameter.empty, Any) or isinstance(annotation, str):
        return True
    members = typing.get_args(annotation) or (annotation,)
    return any(m in members for m in (float, jax.Array, np.ndarray))


def _is_stateful(schedule):
    return all(callable(getattr(schedule, n, None)) for n in ("init", "update"))


def _places(state, field="hyperparams"):
    """name -> which leaf of the state it is."""
    found = []
    for k, (path, _) in enumerate(jax.tree_util.tree_leaves_with_path(state)):
        names = [jax.tree_util.keystr((key,), simple=True) for key in path]
        for at in [i for i, name in enumerate(names[:-1]) if name == field]:
            found.append((names[at + 1], "/".join([*names[:at], names[at + 1]]), k))
    short = [name for name, _, _ in found]
    return {n if short.count(n) == 1 else full: k for n, full, k in found}
