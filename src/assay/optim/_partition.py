"""Another optimizer for each group of parameters."""

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

import jax

from assay import _check
from assay.optim import _mask, _paths
from assay.optim._transform import Transform, set_to_zero
from assay.typing import PyTree


class PartitionState(NamedTuple):
    """The state of `partition`."""

    inner_states: Mapping[Hashable, PyTree]  # label -> MaskedState, its leaves only


def partition(
    transforms: Mapping[Hashable, Transform],
    param_labels: PyTree | Callable,
    *,
    mask_compatible_extra_args: bool = False,
) -> Transform:
    """u = transforms[label](g), each leaf by its label in the tree `param_labels`.

    The labels are a tree (or its upper part), or params -> one: `label_by_path` makes
    it of the leaves' names. A leaf holds the state of its own transform only.

    >>> import jax.numpy as jnp
    >>> from assay import optim
    >>> both = {"fast": optim.sgd(1.0), "slow": optim.sgd(0.5)}
    >>> tx = partition(both, {"body": "slow", "head": "fast"})
    >>> g = {"body": jnp.ones(()), "head": jnp.ones(())}
    >>> {name: float(u) for name, u in tx.update(g, tx.init(g))[0].items()}
    {'body': -0.5, 'head': -1.0}
    """
    keep = {"mask_compatible_extra_args": mask_compatible_extra_args}

    def parts(tree):
        labels = _labels_of(transforms, param_labels, tree)
        masks = {
            name: jax.tree.map(lambda label, name=name: label == name, labels)
            for name in transforms
        }
        return {
            name: _mask.masked(tx, masks[name], **keep)
            for name, tx in transforms.items()
        }

    def init(params):
        return PartitionState({n: tx.init(params) for n, tx in parts(params).items()})

    def update(updates, state, params=None, **extra):
        new = {}
        whole = updates if params is None else params
        for name, tx in parts(whole).items():
            inner = state.inner_states[name]
            updates, new[name] = tx.update(updates, inner, params, **extra)
        return updates, PartitionState(new)

    return Transform(init, update)


multi_transform = partition  # Optax's older name


def selective_transform(
    optimizer: Transform, *, freeze_mask: PyTree | Callable
) -> Transform:
    """u = 0 where `freeze_mask` is True, else optimizer(g).

    Frozen leaves hold no state.

    >>> import jax.numpy as jnp
    >>> from assay import optim
    >>> tx = selective_transform(optim.adam(0.1), freeze_mask={"w": False, "b": True})
    >>> state = tx.init({"w": jnp.ones((2, 3)), "b": jnp.ones(3)})
    >>> [x.shape for x in jax.tree.leaves(state)]
    [(), (2, 3), (2, 3)]
    """

    def labels(params):
        known = _mask.chosen("selective_transform", freeze_mask, params)
        return jax.tree.map(lambda still: "freeze" if still else "train", known)

    return partition({"train": optimizer, "freeze": set_to_zero()}, labels)


def _labels_of(transforms, param_labels, tree):
    """The label tree of these parameters, every label known."""
    if _mask.is_lone_node(tree):
        return None
    call = _mask.is_function(param_labels)
    labels = param_labels(tree) if call else param_labels
    leaves = _paths.named(tree)[0]
    found = _paths.spread("partition", "param_labels", labels, tree)
    odd = [
        f"{label!r} at {path or 'the only leaf'}"
        for (path, _), label in zip(leaves, found, strict=True)
        if not _paths.is_absent(label) and label not in transforms
    ]
    if odd:
        known = ", ".join(repr(name) for name in transforms)
        must = f"every label must name one of the transforms {known}"
        _check.fail("partition", must, _paths.some(odd))
    return labels
