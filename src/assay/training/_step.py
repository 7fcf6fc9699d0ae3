"""One step and one epoch of training, compiled once for each set of rules."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from assay import _check, _numerics, optim
from assay.typing import Array, Key, PyTree


class Rule(NamedTuple):
    """What the step computes. Hashable: one compilation serves every equal rule."""

    apply: Callable
    loss: Callable
    tx: Any
    metrics: tuple[tuple[str, Callable], ...] = ()
    penalty: Callable | None = None
    batch_size: int = 32
    shuffle: bool = True
    drop_last: bool = False


class Carry(NamedTuple):
    """What a step changes."""

    params: PyTree
    state: PyTree
    opt_state: PyTree
    sums: dict[
        str, Array
    ]  # () float each: loss and metrics times their weight, weights
    step: Array  # () int32, steps done in this epoch
    loss: Array  # () float, of the newest step


def start(rule: Rule, params: PyTree, state: PyTree) -> Carry:
    """Copies of the user's arrays (steps donate theirs) and a new optimizer state."""
    params, state = own(params), own(state)
    opt_state = own(rule.tx.init(params))
    zero = jnp.zeros((), jnp.int32)
    return restart(rule, Carry(params, state, opt_state, {}, zero, zero))


def restart(rule: Rule, carry: Carry) -> Carry:
    """The carry at the beginning of an epoch."""
    names = ["loss", "weight", "count", *(name for name, _ in rule.metrics)]
    sums = {name: _number(0) for name in names}
    return carry._replace(sums=sums, step=jnp.zeros((), jnp.int32), loss=_number(0))


def own(tree: PyTree) -> PyTree:
    """A copy that shares no buffer with anything, without weak types."""

    def copy(a):
        dtype = a.dtype if hasattr(a, "dtype") else jnp.result_type(a)
        plain = not jnp.issubdtype(dtype, jax.dtypes.prng_key)
        return jnp.array(a, dtype=dtype, copy=True) if plain else jnp.copy(a)

    return jax.tree.map(copy, tree)


def batch_loss(rule: Rule, params: PyTree, carry: Carry, batch: tuple, key: Key):
    """(mean loss + penalty, (outputs, new state, sum of the weights)) of one batch."""
    x, y, *weight = batch
    outputs, state = rule.apply(params, carry.state, x, key=key, train=True)
    value, total = weighted_mean(rule.loss(outputs, y), len_of(x), *weight)
    if rule.penalty is not None:
        value = value + rule.penalty(params).astype(value.dtype)
    return value, (outputs, state, total)


def weighted_mean(each: Array, count: int, weight: Array | None = None):
    """(Σ wᵢ lᵢ / Σ wᵢ, Σ wᵢ) of one number per example, or of a mean already taken."""
    wide = _numerics.wide(each).dtype
    if jnp.ndim(each) == 0:
        if weight is not None:
            must = "with weights, the loss must return one number per example"
            _check.fail("fit", must, "a scalar", "Leave out the loss's own .mean().")
        return each.astype(wide), _number(count)
    each = each.astype(wide).reshape(count, -1).mean(1)
    if weight is None:
        return each.mean(), _number(count)
    total = weight.sum()
    safe = jnp.where(total == 0, jnp.ones_like(total), total)
    mean = (each * weight.astype(each.dtype)).sum() / safe.astype(each.dtype)
    return mean, total.astype(jnp.result_type(float))


def _number(count: int) -> Array:
    return jnp.asarray(count, jnp.result_type(float))


def len_of(tree: PyTree) -> int:
    """Rows: the length of the first axis of the first leaf."""
    return jnp.shape(jax.tree.leaves(tree)[0])[0]


def learn(rule: Rule, carry: Carry, batch: tuple, key: Key) -> Carry:
    """One step: loss, gradients, update, running sums."""
    differentiate = jax.value_and_grad(
        lambda p: batch_loss(rule, p, carry, batch, key), has_aux=True
    )
    (value, (outputs, state, total)), grads = differentiate(carry.params)
    updates, opt_state = rule.tx.update(grads, carry.opt_state, carry.params)
    params = optim.apply_updates(carry.params, updates)
    value = value.astype(total.dtype)
    gains = {"loss": value * total, "weight": total}
    gains |= _metric_gains(rule, outputs, batch)
    sums = {name: s + gains[name] for name, s in carry.sums.items()}
    after = Carry(params, state, opt_state, sums, carry.step + 1, value)
    return Carry(*map(_settle, after, carry, Carry._fields))


def _metric_gains(rule: Rule, outputs: PyTree, batch: tuple) -> dict[str, Array]:
    """Each metric times the batch's rows, so that unequal batches average right."""
    count = _number(len_of(batch[0]))
    gains = {"count": count}
    for name, metric in rule.metrics:
        gains[name] = (
            scalar(name, metric(outputs, batch[1])).astype(count.dtype) * count
        )
    return gains


def scalar(name: str, value: Any) -> Array:
    """The metric's value, which must be one number."""
    if jnp.shape(value) != ():
        must = f"metric {name!r} must return one number"
        _check.fail("fit", must, f"shape {jnp.shape(value)}", "Take its mean.")
    return jnp.asarray(value)


def _settle(new: PyTree, old: PyTree, name: str) -> PyTree:
    """`new` with the weak types of `old`; another structure, shape or dtype raises."""
    must = f"a step must keep the structure, shapes and dtypes of {name}"
    if jax.tree.structure(new) != jax.tree.structure(old):
        _check.fail("fit", must, "another structure")

    def leaf(path, n, o):
        if (jnp.shape(n), jnp.result_type(n)) != (o.shape, o.dtype):
            at = jax.tree_util.keystr(path, simple=True, separator="/")
            got = f"{jnp.result_type(n)}{list(jnp.shape(n))} at {at!r}"
            _check.fail("fit", must, f"{got} after {o.dtype}{list(o.shape)}")
        plain = not jnp.issubdtype(o.dtype, jax.dtypes.prng_key)
        return lax.convert_element_type(n, o.dtype) if plain else n

    return jax.tree_util.tree_map_with_path(leaf, new, old)


def take(data: tuple, rows: Array) -> tuple:
    """The rows of every array in `data`."""
    return jax.tree.map(lambda a: jnp.take(a, rows, axis=0, mode="clip"), data)


def _order(rule: Rule, rows: int, key: Key) -> Array:
    return jax.random.permutation(key, rows) if rule.shuffle else jnp.arange(rows)


def _keys(key: Key, epoch: Array) -> tuple[Key, Key]:
    """(the key of the order, the key of the layers) in this epoch."""
    order, layers = jax.random.split(jax.random.fold_in(key, epoch))
    return order, layers


def one_epoch(rule: Rule, carry: Carry, data: tuple, key: Key, epoch: Array) -> Carry:
    """An epoch: a scan over the full batches, then the rest as a step of its own."""
    carry, rows = restart(rule, carry), len_of(data)
    order_key, layer_key = _keys(key, epoch)
    order = _order(rule, rows, order_key)
    full = rows // rule.batch_size

    def body(carry, chosen):
        layer = jax.random.fold_in(layer_key, carry.step)
        return learn(rule, carry, take(data, chosen), layer), None

    chunks = order[: full * rule.batch_size].reshape(full, rule.batch_size)
    carry, _ = lax.scan(body, carry, chunks)
    if rows % rule.batch_size and not rule.drop_last:
        carry, _ = body(carry, order[full * rule.batch_size :])
    return carry


def begin(rule: Rule, carry: Carry, data: tuple, key: Key, epoch: Array):
    """(carry, order, key of the layers): the part of an epoch before its first step."""
    order_key, layer_key = _keys(key, epoch)
    return restart(rule, own(carry)), _order(rule, len_of(data), order_key), layer_key


def one_step(
    rule: Rule, size: int, carry: Carry, data: tuple, order: Array, key: Key
) -> Carry:
    """Step `carry.step` of an epoch, on the next `size` rows of `order`."""
    first = carry.step * rule.batch_size
    chosen = lax.dynamic_slice(order, (first,), (size,))
    batch = take(data, chosen)
    return learn(rule, carry, batch, jax.random.fold_in(key, carry.step))


def healthy(carry: Carry) -> Array:
    """Every parameter and the sum of the losses are finite."""
    leaves = [
        a for a in jax.tree.leaves(carry.params) if jnp.issubdtype(a, jnp.inexact)
    ]
    return jnp.stack(
        [jnp.isfinite(a).all() for a in [*leaves, carry.sums["loss"]]]
    ).all()


def report(rule: Rule, carry: Carry) -> dict[str, Array]:
    """The averages of the epoch and its health, to be read in one transfer."""
    sums = carry.sums
    # An epoch whose weights are all zero has a loss of 0, not of 0/0.
    weight = jnp.where(
        sums["weight"] == 0, jnp.ones_like(sums["weight"]), sums["weight"]
    )
    logs = {"loss": sums["loss"] / weight}
    logs |= {name: sums[name] / sums["count"] for name, _ in rule.metrics}
    return logs | {"healthy": healthy(carry)}


def _epoch_and_report(rule, carry, data, key, epoch):
    carry = one_epoch(rule, carry, data, key, epoch)
    return carry, report(rule, carry)


# The whole epoch keeps its old carry: it is what a diverged epoch falls back to.
compiled_epoch = jax.jit(_epoch_and_report, static_argnums=0)
compiled_begin = jax.jit(begin, static_argnums=0)
compiled_report = jax.jit(report, static_argnums=0)
compiled_step = jax.jit(one_step, static_argnums=(0, 1), donate_argnums=2)
kept_step = jax.jit(one_step, static_argnums=(0, 1))
