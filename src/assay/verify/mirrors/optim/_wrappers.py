"""Masks, partitions, chains and conditions, beside Optax's and NumPy."""

from functools import partial
from typing import Any

import jax
import numpy as np
import optax

from assay.verify.mirrors._given import mark
from assay.verify.mirrors.optim._pairs import DOUBLE, INNER
from assay.verify.mirrors.optim._pairs import numpy_pair as _numpy
from assay.verify.mirrors.optim._pairs import zeros as _zeros
from assay.verify.mirrors.optim._pairs import zeros_of as _zeros_of
from assay.verify.mirrors.optim._walks import leafwise, transform, walk

KERNEL = {"bias": False, "kernel": True}

# Masks and groups -----------------------------------------------------------------


def _masked(inner, mask):
    """Only the chosen branches of a dict are ever handed on."""

    def part(t):
        return {name: t[name] for name in t if mask[name]}

    def step(t, g, s, p):
        new, s = inner.update(part(g), s, part(p))
        return {**g, **new}, s

    return _numpy(step, lambda p: inner.init(part(p)))


def _partition(transforms, param_labels):
    def part(t, label):
        return {name: t[name] for name in t if param_labels[name] == label}

    def step(t, g, s, p):
        new, states = {}, {}
        for label, tx in transforms.items():
            args = part(g, label), s[label], part(p, label)
            u, states[label] = tx.update(*args)
            new.update(u)
        return {name: new[name] for name in g}, states

    def start(p):
        return {n: tx.init(part(p, n)) for n, tx in transforms.items()}

    return _numpy(step, start)


def _frozen(mask):
    return _numpy(lambda t, g, s, p: ({n: g[n] * (not mask[n]) for n in g}, s))


def _selective(optimizer, freeze_mask):
    def step(t, g, s, p):
        u, s = optimizer.update(g, s, p)
        return {n: u[n] * (not freeze_mask[n]) for n in g}, s

    return _numpy(step, optimizer.init)


GROUPS = {
    "transforms": {"a": INNER, "b": DOUBLE},
    "param_labels": {"bias": "b", "kernel": "a"},
}

masked = transform(
    optax.masked,
    {"inner": INNER, "mask": KERNEL},
    {"inner": DOUBLE, "mask": {"bias": True, "kernel": False}},
    second=_masked,
)
partition = transform(optax.partition, GROUPS, second=_partition)
multi_transform = transform(optax.multi_transform, GROUPS, second=_partition)
freeze = transform(optax.freeze, {"mask": KERNEL}, second=_frozen)
selective_transform = transform(
    optax.selective_transform,
    {"optimizer": INNER, "freeze_mask": KERNEL},
    second=_selective,
)


# Chains and what carries nothing --------------------------------------------------


def _pieces(library: Any) -> list:
    """Three named transforms."""
    parts = library.clip(1.0), library.trace(0.9), library.scale(-0.1)
    return list(zip(("z", "a", "m"), parts, strict=True))


def _momentum_of_clipped():
    return _numpy(_clipped_step, _zeros)


def _clipped_step(t, g, s, p):
    s = {n: np.clip(g[n], -1, 1) + 0.9 * s[n] for n in g}
    return {n: -0.1 * s[n] for n in g}, s


@mark(property=True, higher_order=True, source="optax", rows=True, ulp=24)
def named_chain(ours):
    """Ours of Optax's transforms against Optax's of its own."""
    ways = ours(*_pieces(optax)), optax.named_chain(*_pieces(optax))
    return walk(ways[0]), walk(ways[1], x64=True)


named_chain.read = walk
named_chain = mark(second=_momentum_of_clipped)(named_chain)


def _sum(g, p):
    return g + (0 if p is None else 2 * p)


def _whole_sum(updates, params):
    return jax.tree.map(_sum, updates, params)


def _sum_in_numpy(f):
    return _numpy(lambda t, g, s, p: ({n: g[n] + 2 * p[n] for n in g}, s))


set_to_zero = transform(
    optax.set_to_zero, second=lambda: leafwise(lambda t, g, p: np.zeros(g.shape))
)
stateless = transform(optax.stateless, {"f": _whole_sum}, second=_sum_in_numpy)
stateless_with_tree_map = transform(
    optax.stateless_with_tree_map, {"f": _sum}, second=_sum_in_numpy
)
with_extra_args_support = transform(
    optax.with_extra_args_support,
    {"tx": INNER},
    second=lambda tx: _numpy(lambda t, g, s, p: tx.update(g, s, p), tx.init),
)


@mark(property=True, higher_order=True, source="optax", second=lambda: [])
def init_empty_state(ours):
    """No leaf, whatever the parameters."""
    state, theirs = ours({"w": np.ones(2)}), optax.init_empty_state(None)
    return jax.tree.leaves(state), jax.tree.leaves(theirs)


def _sometimes(step):
    return step % 3 == 1


def _at_times(inner, should_transform_fn, otherwise):
    def step(t, g, s, p):
        return inner.update(g, s, p) if should_transform_fn(t) else (otherwise(g), s)

    return _numpy(step, inner.init)


SOMETIMES = {"inner": INNER, "should_transform_fn": _sometimes}

conditionally_transform = transform(
    optax.conditionally_transform,
    SOMETIMES,
    second=partial(_at_times, otherwise=lambda g: g),
)
conditionally_mask = transform(
    optax.conditionally_mask,
    SOMETIMES,
    second=partial(_at_times, otherwise=_zeros_of),
)
keep_params_nonnegative = transform(
    optax.keep_params_nonnegative,
    second=lambda: leafwise(lambda t, g, p: np.maximum(p + g, 0) - p),
    why="NumPy's p + max(g, −p) cancels: it is compared with what it gives",
)


def _one_vector(inner):
    """Sorted names: the bias's 4 entries, then the kernel's 12."""

    def join(t):
        return np.concatenate([t["bias"], t["kernel"].reshape(-1)])

    def step(t, g, s, p):
        u, s = inner.update(join(g), s, join(p))
        return {"bias": u[:4], "kernel": u[4:].reshape(3, 4)}, s

    return _numpy(step, lambda p: inner.init(join(p)))


def _unit(updates, state, params=None):
    """Divided by the norm of the leaf: of one vector, by that of all."""
    norm = sum((g**2).sum() for g in jax.tree.leaves(updates)) ** 0.5
    return jax.tree.map(lambda g: g / norm, updates), state


UNIT = optax.GradientTransformation(lambda params: (), _unit)
flatten = transform(
    optax.flatten, {"inner": INNER}, {"inner": UNIT}, second=_one_vector
)
