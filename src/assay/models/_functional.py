"""A Flax module as a pure function."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from assay import _check
from assay.typing import PyTree


def functional(model: nnx.Module) -> tuple[Callable, PyTree, PyTree]:
    """(apply, params, state): the model as a function, its weights, what it carries.

    ``apply(params, state, x, *, key=None, train=False) -> (y, state)``. `params` and
    `state` are plain nested dicts (lists of layers become "0", "1", ...), so jax.grad,
    jit, vmap and scan act on them. Takes any `nnx.Module`, Flax's own layers included;
    the model itself is neither changed nor referred to afterwards.

    - ``train=True`` runs the layers as ``model.train()`` would (dropout drops, batch
      norm uses the batch), ``train=False`` as ``model.eval()``.
    - Every random stream of the model gets ``fold_in(key, its index)`` at each call:
      no random state is carried, two layers never share a mask, and the same key
      gives the same masks. Drawing without a key raises.
    - A tuple `x` is several arguments: ``apply(params, state, (x, mask))``.
    - ``method="cached"`` calls that method of the model instead.

    >>> model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    >>> apply, params, state = functional(model)
    >>> sorted(params), state
    (['bias', 'kernel'], {})
    >>> y, state = apply(params, state, jnp.ones((4, 3)))
    >>> loss = lambda params: apply(params, state, jnp.ones((4, 3)))[0].sum()
    >>> jax.grad(loss)(params)["bias"].tolist()
    [4.0, 4.0]
    """
    training, evaluating = nnx.clone(model), nnx.clone(model)
    training.train()
    evaluating.eval()
    graphs = {True: nnx.graphdef(training), False: nnx.graphdef(evaluating)}
    kinds = (nnx.Param, nnx.RngState, nnx.Intermediate, ...)
    _, params, streams, _, state = nnx.split(training, *kinds)
    names = [_variables(part) for part in (params, streams, state)]

    def apply(params, state, x, *, key=None, train=False, method="__call__"):
        values = (_flatten(params), _rekey(names[1], key, train), _flatten(state))
        parts = [_fill(n, v) for n, v in zip(names, values, strict=True)]
        module = nnx.merge(graphs[bool(train)], *parts)
        y = getattr(module, method)(*(x if isinstance(x, tuple) else (x,)))
        after = nnx.split(module, *kinds)
        if key is None:
            _drew_nothing(values[1], values_of(after[2]))
        return y, nested(values_of(after[4]))

    return apply, nested(values_of(params)), nested(values_of(state))


def values_of(part: Any) -> dict[tuple, Any]:
    """The bare arrays of a Flax state by path."""
    return {path: v.get_value() for path, v in nnx.to_flat_state(part)}


def _variables(part: Any) -> dict[tuple, Any]:
    """Path -> variable holding a shape only, so that no array stays behind."""
    flat = nnx.to_flat_state(part)
    return {p: v.replace(jax.typeof(v.get_value())) for p, v in flat}


def nested(values: dict[tuple, Any]) -> dict[str, Any]:
    """{("a", 0): v} -> {"a": {"0": v}}."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *folders, name = map(str, path)
        inner = tree
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[name] = value
    return tree


def _flatten(nested: PyTree, prefix: tuple[str, ...] = ()) -> dict[tuple, Any]:
    """{"a": {"0": v}} -> {("a", "0"): v}."""
    flat = {}
    for name, value in nested.items():
        path = (*prefix, name)
        flat |= _flatten(value, path) if isinstance(value, dict) else {path: value}
    return flat


def _fill(variables: dict[tuple, Any], values: dict[tuple, Any]) -> Any:
    """The Flax state with `values` in it."""
    names = {tuple(map(str, path)): path for path in variables}
    if names.keys() != values.keys():
        odd = sorted("/".join(map(str, p)) for p in names.keys() ^ values.keys())
        must = "params and state must have the structure that functional() returned"
        _check.fail("apply", must, f"a difference at {', '.join(odd)}")
    filled = []
    for name, value in values.items():
        # A layer that writes its state cannot write a traced array into NumPy's.
        value = jnp.asarray(value) if isinstance(value, np.ndarray) else value
        filled.append((names[name], variables[names[name]].replace(value)))
    return nnx.from_flat_state(filled)


def _rekey(streams: dict[tuple, Any], key: Any, train: bool) -> dict[tuple, Any]:
    """A fresh key and a count of zero for each random stream of the model."""
    if key is None and train and streams:
        todo = "Pass key=jax.random.key(0), a new one at each call."
        _check.fail("apply", "random layers need a key when train=True", "None", todo)
    if key is None:
        key = jax.random.key(0)  # never drawn from: see _drew_nothing
    elif not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.wrap_key_data(key)
    fresh = {}
    for i, (path, variable) in enumerate(streams.items()):
        draws = issubclass(type(variable), nnx.RngKey)
        value = jax.random.fold_in(key, i) if draws else jnp.zeros((), jnp.uint32)
        fresh[tuple(map(str, path))] = value
    return fresh


def _drew_nothing(before: dict[tuple, Any], after: dict[tuple, Any]) -> None:
    """A stream that was used counts on: its count is another array."""
    if any(before[tuple(map(str, p))] is not v for p, v in after.items()):
        todo = "Pass key=jax.random.key(0), a new one at each call."
        _check.fail("apply", "a model that draws at random needs a key", "None", todo)
