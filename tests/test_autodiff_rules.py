"""Every function with a reverse rule by hand: found, and asked for all of calculus.

Forward mode comes from the plain definition, reverse mode from the rule by hand: so
the definition is what the other derivatives are held to.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay.verify import _function, _laws
from assay.verify._discover import discover
from tests.programs import equations, maps_in, rules_in
from tests.test_laws import SAMPLES

ROOMS = ("layers", "images", "losses")
# Made of functions that are asked by themselves, with rules that differ in a size only.
COMPOSED = {
    *("bidirectional", "bidirectional_stack", "recurrent_stack", "recurrent_truncated"),
    *("recurrent_remat", "layer_norm_lstm_cell", "layer_norm_gru_cell", "cbam"),
    *("encoder_block", "decoder_block", "parallel_block", "mamba", "conv_lstm_cell"),
}


def scalar_of(room, name, inputs):
    """(Σ sin y of the arguments that move, those arguments), in float64."""
    subject = _laws.Subject(discover(room)[name], inputs)
    g, arrays = subject.prepared(jnp.float64)
    moving = {n: a for n, a in arrays.items() if _laws.floating(a)}

    def scalar(m):
        leaves = jax.tree.leaves(g({**arrays, **m}))
        return sum(jnp.sum(jnp.sin(y)) for y in leaves if y.dtype == jnp.float64)

    return scalar, moving


def pushed(scalar, m):
    """The derivative along m itself: forward mode."""
    return jax.jvp(scalar, (m,), (m,))[1]


@functools.cache
def ruled():
    """The functions whose forward derivative goes through `with_backward`."""
    found = []
    for room, name, inputs, _ in SAMPLES:
        if room in ROOMS:
            with jax.enable_x64(True):
                scalar, moving = scalar_of(room, name, inputs)
                if not moving or not hasattr(jax.eval_shape(scalar, moving), "dtype"):
                    continue
                program = jax.make_jaxpr(functools.partial(pushed, scalar))(moving)
            if any(not pull for pull in maps_in(program.jaxpr)):
                size = sum(1 for _ in equations(program.jaxpr))
                found.append((room, name, inputs, rules_in(program.jaxpr), size))
    return found


@functools.cache
def apart():
    """Of these the shortest with each rule: what is composed of it adds none."""
    seen, kept = set(), []
    for room, name, inputs, rules, _ in sorted(ruled(), key=lambda f: f[4]):
        if not rules <= seen and name not in COMPOSED:
            kept.append((room, name, inputs))
            seen |= rules
    return kept


def ids(found):
    return [f"{room}.{name}" for room, name, *_ in found]


def test_the_list_is_found():
    """It must not have become empty."""
    assert {"layers.conv", "layers.max_pool", "images.interpolate"} <= set(ids(apart()))
    assert len(apart()) >= 12
    assert set(ids(ruled())) >= {f"layers.{name}" for name in COMPOSED}


@pytest.mark.parametrize("found", ruled(), ids=ids(ruled()))
def test_the_rule_by_hand_runs_where_a_reverse_pass_is_asked_for(found):
    """As often as there are maps to reverse; forward mode never sees it."""
    room, name, inputs, *_ = found
    with jax.enable_x64(True):
        scalar, m = scalar_of(room, name, inputs)
        forward = jax.make_jaxpr(functools.partial(pushed, scalar))(m)
        reverse = jax.make_jaxpr(jax.grad(scalar))(m)
        again = jax.make_jaxpr(jax.grad(jax.checkpoint(scalar)))(m)
    counts = [[*maps_in(p.jaxpr)].count(True) for p in (forward, reverse, again)]
    assert counts[0] == 0 < counts[1] == counts[2]
    assert False not in maps_in(reverse.jaxpr)


def derivatives(scalar, m, a, b):
    """{what: (reverse, forward)}, each pair one number twice, along a and b."""
    slope = jax.grad(scalar)
    two = jax.tree.map(lambda x, y: jnp.stack([x, x + y / 8]), m, b)
    along = jax.tree.map(lambda y: jnp.stack([y, -y]), a)

    def total(two):
        return jax.vmap(scalar)(two).sum()

    def rolled(two):
        body = lambda s, m: (s + scalar(m), None)  # noqa: E731
        return jax.lax.scan(body, jnp.zeros(()), two)[0]

    def push(f, at, by):
        return jax.jvp(f, (at,), (by,))[1]

    def bent(m):
        return push(scalar, m, a)

    first, both = push(scalar, m, a), push(total, two, along)
    dot = _laws.inner
    return {
        "grad": (dot(slope(m), a), first),
        "linearize": (jax.linearize(scalar, m)[1](a), first),
        "remat": (dot(jax.grad(jax.checkpoint(scalar))(m), a), first),
        "vmap of grad": (dot(jax.vmap(slope)(two), along), both),
        "grad of vmap": (dot(jax.grad(total)(two), along), both),
        "grad of scan": (dot(jax.grad(rolled)(two), along), both),
        "hessian": (dot(push(slope, m, a), b), push(bent, m, b)),
        "reverse over forward": (dot(jax.grad(bent)(m), b), push(bent, m, b)),
    }


@pytest.mark.parametrize(("room", "name", "inputs"), apart(), ids=ids(apart()))
def test_every_derivative_is_that_of_the_definition(room, name, inputs):
    """In float64, along two directions: one program a function."""
    with jax.enable_x64(True):
        scalar, m = scalar_of(room, name, inputs)
        a, b = (_laws.like(m, seed) for seed in (1, 2))
        program = functools.partial(derivatives, scalar)
        found = jax.jit(program, compiler_options=_function.QUICK)(m, a, b)
    for what, (mine, expected) in found.items():
        size = max(1.0, abs(float(expected)))
        assert abs(float(mine) - float(expected)) <= 1e-9 * size, what
    assert np.isfinite([*found.values()]).all()
