"""A transform for some of the leaves, and parameters that stand still."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.core
import numpy as np

from assay import _check
from assay.optim import _paths
from assay.optim._transform import Transform, set_to_zero, with_extra_args_support
from assay.typing import PyTree


class MaskedState(NamedTuple):
    """The state of `masked`."""

    inner_state: PyTree  # of the inner transform; nothing for the other leaves


class MaskedNode(NamedTuple):
    """Stands where a leaf is hidden: a branch without leaves."""


def masked(
    inner: Transform,
    mask: PyTree | Callable,
    *,
    mask_compatible_extra_args: bool = False,
) -> Transform:
    """u = inner(g) where `mask` is True, else g; hidden leaves hold no state.

    The mask is a tree of booleans (or its upper part), or params -> one. With
    `mask_compatible_extra_args`, extra arguments of the gradients' form are masked too.

    >>> import jax.numpy as jnp
    >>> from assay import optim
    >>> tx = masked(optim.scale(2.0), {"w": True, "b": False})
    >>> g = {"w": jnp.ones(()), "b": jnp.ones(())}
    >>> {name: float(u) for name, u in tx.update(g, tx.init(g))[0].items()}
    {'b': 1.0, 'w': 2.0}
    """
    inner = with_extra_args_support(inner)

    def init(params):
        return MaskedState(inner.init(hide(params, chosen("masked", mask, params))))

    def update(updates, state, params=None, **extra):
        # The parameters first: a gradient may be absent where they are not.
        whole = updates if params is None else params
        known = chosen("masked", mask, whole)
        if mask_compatible_extra_args:
            form = jax.tree.structure(updates)
            extra = {
                name: hide(x, known) if jax.tree.structure(x) == form else x
                for name, x in extra.items()
            }
        some = None if params is None else hide(params, known)
        new, state = inner.update(
            hide(updates, known), state.inner_state, some, **extra
        )
        return _merged(known, new, updates), MaskedState(state)

    return Transform(init, update)


def freeze(mask: PyTree | Callable) -> Transform:
    """u = 0 where `mask` is True, else g: put last, it holds parameters still.

    `selective_transform` saves their optimizer state too, `stop_gradient` the trace of
    their gradients.

    >>> import jax.numpy as jnp
    >>> tx = freeze({"w": False, "b": True})
    >>> g = {"w": jnp.ones(()), "b": jnp.ones(())}
    >>> {name: float(u) for name, u in tx.update(g, tx.init(g))[0].items()}
    {'b': 0.0, 'w': 1.0}
    """
    return masked(set_to_zero(), mask)


def stop_gradient(params: PyTree, mask: PyTree | Callable) -> PyTree:
    """The parameters for the loss, constants where `mask` is True, as in `freeze`.

    Their gradient is zero, and the work for it is not even traced.

    >>> import jax.numpy as jnp
    >>> mask = {"w": False, "b": True}
    >>> def loss(p):
    ...     p = stop_gradient(p, mask)
    ...     return p["w"] * p["b"]
    >>> grads = jax.grad(loss)({"w": jnp.float32(2.0), "b": jnp.float32(3.0)})
    >>> {name: float(g) for name, g in grads.items()}
    {'b': 0.0, 'w': 3.0}
    """

    def branch(still, part):
        return jax.lax.stop_gradient(part) if still else part

    return jax.tree.map(branch, chosen("stop_gradient", mask, params), params)


def chosen(who: str, mask: PyTree | Callable, tree: PyTree) -> PyTree:
    """The mask of this tree: booleans, known before tracing, in the tree's form."""
    if is_lone_node(tree):
        return True
    known = mask(tree) if is_function(mask) else mask
    for m in _paths.spread(who, "mask", known, tree):
        if isinstance(m, jax.core.Tracer):
            todo = "Make it of the paths and shapes, not of the numbers."
            _check.fail(who, "mask must be known before tracing", "a tracer", todo)
        if not _paths.is_absent(m) and (np.ndim(m) or np.asarray(m).dtype != np.bool_):
            must = "mask must be a tree of booleans, one for a leaf"
            _check.fail(who, must, repr(m), kind=TypeError)
    return known


def is_function(given: PyTree | Callable) -> bool:
    """Whether it is to be called: a tree may be callable too, its leaves are not."""
    return callable(given) and all(callable(x) for x in jax.tree.leaves(given))


def hide(tree: PyTree, mask: PyTree) -> PyTree:
    """The tree with a MaskedNode wherever the mask is False."""
    if is_lone_node(tree):
        return tree
    return jax.tree.map(lambda m, part: part if m else _hidden(part), mask, tree)


def _hidden(part):
    """A MaskedNode for every leaf, so that patterns still find their paths."""
    leaves, structure = _paths.named(part)
    return structure.unflatten([MaskedNode() for _ in leaves])


def _merged(mask, new, old):
    """`new` where the mask is True, else `old`."""
    if is_lone_node(old):
        return new
    return jax.tree.map(lambda m, n, o: n if m else o, mask, new, old)


def is_lone_node(tree):
    """Whether nothing is in it: an empty tree, or what Optax's tree_map_params sends.

    The latter asks where the state has the parameters' form; no mask would fit it.
    """
    structure = jax.tree.structure(tree)
    return structure.num_nodes == 1 and structure.num_leaves == 0
