"""The contract: every optimizer keeps it, and who breaks a clause is named."""

import inspect
import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from assay import optim, verify
from assay.verify import _clauses, _contract


def quadratic(gradients, params):
    """What a line search asks for: a bowl with this gradient at these parameters."""

    def value(at):
        def leaf(x, p, g):
            return jnp.sum(g * x) + 0.5 * jnp.sum((x - p) ** 2)

        return sum(jax.tree.leaves(jax.tree.map(leaf, at, params, gradients)))

    return {"value": value(params), "grad": gradients, "value_fn": value}


def makers():
    """Whatever of ours is made with a learning rate."""
    found = verify.discover("optim").items()
    return {n: f for n, f in found if "learning_rate" == next(iter(parameters(f)), "")}


def parameters(function):
    """The parameters of a function by name."""
    return inspect.signature(function).parameters


SEARCHING = {"lbfgs", "polyak_sgd"}  # they ask for the value of the loss


@pytest.mark.parametrize("name", makers())
def test_our_optimizers_keep_the_contract(name):
    """Every clause, on eight simulated devices; what was not run says why."""
    extra = quadratic if name in SEARCHING else None
    report = verify.contract(makers()[name], extra=extra)
    report.check()
    assert len(jax.devices()) == 8
    assert all(c.note for c in report.clauses if c.verdict == "not run")
    idle = {c.name for c in report.clauses if c.verdict == "not run"}
    assert extra or idle <= {"unknown extra arguments are ignored"}


class State(NamedTuple):
    """What the user's momentum carries."""

    count: jax.Array
    trace: dict


def momentum(learning_rate, **wrong):
    """A user's momentum, with a mistake on request."""

    def init(params):
        zeros = jax.tree.map(wrong.get("start", jnp.zeros_like), params)
        return State(wrong.get("count", lambda: jnp.zeros([], jnp.int32))(), zeros)

    def update(updates, state, params=None, **extra):
        del extra
        trace = jax.tree.map(lambda t, g: 0.9 * t + g, state.trace, updates)
        rate = wrong.get("rate", lambda x: x)(learning_rate)
        made = jax.tree.map(lambda t, g: (-rate * t).astype(g.dtype), trace, updates)
        made = jax.tree.map(wrong.get("step", lambda x: x), made)
        return made, State(state.count + jnp.int32(1), trace)

    return optim.Transform(init, wrong.get("around", lambda f: f)(update))


def test_a_users_optimizer_keeps_it():
    """No false alarm; a finished pair leaves out what needs the maker."""
    assert verify.contract(momentum).kept
    report = verify.contract(momentum(0.1))
    assert report.kept
    idle = [c.name for c in report.clauses if c.verdict == "not run"]
    rated = _clauses.vmaps_over_the_rate, _clauses.in_inject_hyperparams
    assert idle == [c.__doc__ for c in rated]


def strict(update):
    """Takes no argument that it does not know."""

    def plain(updates, state, params=None, **extra):
        if extra:
            raise TypeError(f"unknown: {', '.join(extra)}")
        return update(updates, state, params)

    return plain


def counting(update):
    """Keeps something outside of its state."""
    calls = []

    def impure(updates, state, params=None, **extra):
        calls.append(1)
        updates, state = update(updates, state, params)
        return jax.tree.map(lambda u: u * len(calls), updates), state

    return impure


def growing(update):
    """A state of another structure from the second step on."""

    def grown(updates, state, params=None, **extra):
        updates, new = update(updates, state, params)
        return updates, new._replace(trace=(new.trace,))

    return grown


def unpacking(update):
    """Knows the parameters by name."""

    def named(updates, state, params=None, **extra):
        assert type(params) is dict, f"no {type(params).__name__}"
        assert params["b"].shape == (3,)
        return update(updates, state, params)

    return named


def whole(update):
    """Computes something of the entries that there must be."""

    def peak(updates, state, params=None, **extra):
        jax.tree.map(jnp.max, updates)
        return update(updates, state, params)

    return peak


def branching(update):
    """Decides in Python what only the run can know."""

    def python(updates, state, params=None, **extra):
        if state.count > 3:
            updates = jax.tree.map(jnp.negative, updates)
        return update(updates, state, params)

    return python


def never_none(update):
    """Every leaf must be there."""

    def all_there(updates, state, params=None, **extra):
        shapes = jax.tree.map(jnp.shape, updates, is_leaf=lambda x: x is None)
        assert len(shapes) == len(updates)
        jax.tree.map(lambda x: x.dtype, updates, is_leaf=lambda x: x is None)
        return update(updates, state, params)

    return all_there


WRONG = {  # mistake: (settings, a clause that must name it, words of the note)
    "a count in Python": (
        {"count": lambda: 0},
        _clauses.state_keeps_its_form,
        "state.count is a Python int",
    ),
    "a weak count": (
        {"count": lambda: jnp.asarray(0)},
        _clauses.one_compilation,
        "traced 2 times",
    ),
    "a weak count's form": (
        {"count": lambda: jnp.asarray(0)},
        _clauses.state_keeps_its_form,
        "weak int32[] becomes int32[]",
    ),
    "a state that grows": ({"around": growing}, _clauses.scans, "TypeError"),
    "a count outside": ({"around": counting}, _clauses.jit_is_eager, "without jit"),
    "a Python branch": (
        {"around": branching},
        _clauses.one_compilation,
        "TracerBoolConversionError",
    ),
    "a rate in Python": (
        {"rate": float},
        _clauses.vmaps_over_the_rate,
        "ConcretizationTypeError",
    ),
    "an injected rate in Python": (
        {"rate": float},
        _clauses.in_inject_hyperparams,
        "ConcretizationTypeError",
    ),
    "names in a mask": ({"around": unpacking}, _clauses.in_masked, "AttributeError"),
    "names in a partition": (
        {"around": unpacking},
        _clauses.in_multi_transform,
        "AttributeError",
    ),
    "names in nnx": ({"around": unpacking}, _clauses.in_nnx, "no State"),
    "no None": ({"around": never_none}, _clauses.none_leaves, "NoneType"),
    "no empty leaf": ({"around": whole}, _clauses.zero_size_leaf, "zero-size"),
    "no stranger": ({"around": strict}, _clauses.extra_arguments, "unknown"),
    "the parameters as a state": (
        {"start": lambda p: p},
        _clauses.shares_no_buffer,
        "state.trace['b'] is the buffer of the parameter ['b']",
    ),
    "a state half as precise": (
        {"start": lambda p: jnp.zeros_like(p, jnp.bfloat16)},
        _clauses.donates,
        "2 buffers have another shape or dtype",
    ),
    "a NumPy rate": (
        {"step": lambda u: u * np.float32(1)},
        _clauses.dtypes,
        "bfloat16[4, 3] becomes float32[4, 3]",
    ),
    "zeros of the shape": (
        {"start": lambda p: jnp.zeros(p.shape, p.dtype)},
        _clauses.keeps_shardings,
        "init: state.trace['w'] lies on",
    ),
    "a Python branch in a chain": (
        {"around": branching},
        _clauses.in_chain,
        "TracerBoolConversionError",
    ),
    "a state that grows in MultiSteps": (
        {"around": growing},
        _clauses.in_multi_steps,
        "Error",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_broken_clause_is_named(name):
    """The clause, and in its note what is wrong."""
    settings, clause, words = WRONG[name]
    found = broken(lambda learning_rate: momentum(learning_rate, **settings), clause)
    assert found.verdict == "broken" and words in found.note, found


def broken(make, clause):
    """What one clause alone says."""
    with verify._record.relaxed():
        subject = _clauses.Subject(make, make(0.1), 0.1, None)
        return _contract._tried(clause, subject)


def test_a_buffer_twice_in_the_state_is_named():
    """Optax's own L-BFGS cannot be donated: two fields start as one array."""

    def make(learning_rate):
        del learning_rate
        shared = {"b": jnp.zeros(3), "w": jnp.zeros((4, 3))}
        state = {"mu": shared, "nu": shared}
        return optim.Transform(lambda p: state, lambda g, s, p=None: (g, s))

    found = broken(make, _clauses.donates)
    assert found.note == "state['mu']['b'] and state['nu']['b'] are one buffer"


def test_what_is_not_in_the_leaves_is_missed_after_a_load():
    """A state that keeps a part of itself outside of its arrays."""

    @jax.tree_util.register_pytree_node_class
    class Forgetful:
        def __init__(self, trace, seen=0):
            self.trace, self.seen = trace, seen

        def tree_flatten(self):
            return (self.trace,), None

        @classmethod
        def tree_unflatten(cls, aux, children):
            return cls(*children)

    key = jax.random.key(0)
    noise = optax.add_noise(0.1, 0.5, key)  # a typed key in the state is saved too
    assert broken(lambda r: noise, _clauses.continues_after_a_save).verdict == "kept"

    def make(learning_rate):
        inner = momentum(learning_rate)

        def update(g, state, p=None):
            u, new = inner.update(g, State(jnp.int32(0), state.trace), p)
            return u, Forgetful(new.trace * 1.0)

        return optim.Transform(lambda p: Forgetful(inner.init(p).trace), update)

    found = broken(make, _clauses.continues_after_a_save)
    assert found.verdict == "broken"


def test_the_contract_prints_and_serialises():
    """A row a clause in 80 columns, plain values, and the notes in the error."""
    report = verify.contract(momentum(0.1, start=lambda p: p))
    text = str(report)
    assert "state shares no buffer" in text and "1 broken" in text
    assert max(map(len, text.splitlines())) <= 80
    machine = json.loads(json.dumps(report.as_dict()))
    assert not machine["kept"] and len(machine["clauses"]) == len(_clauses.CLAUSES)
    with pytest.raises(AssertionError, match="breaks 1 of 17 clauses: state shares"):
        report.check()


def test_only_an_optimizer_has_a_contract():
    """What makes something else is refused in a sentence."""
    with pytest.raises(TypeError, match=r"must be, or make, an \(init, update\) pair"):
        verify.contract(lambda rate: rate)
