"""torch's and Keras's optimizers as (init, update) pairs, so that ours stand beside.

Both are as pure as the protocol asks: the optimizer is rebuilt at every update around
the state that comes in, in the dtype of the parameters.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from assay import _check
from assay.optim import Transform


def torch_optimizer(optimizer: Any, **settings: Any) -> Transform:
    """A class of `torch.optim`, or its name, as a pair: `torch_optimizer("Adam")`.

    `lr` may be a schedule, called with the number of updates before. Under jit torch
    is called back from the host; on NumPy arrays it runs by itself, float64 included.
    The state is the count and torch's own buffers, {} until the first update.

    Raises ModuleNotFoundError without torch.
    """
    torch = _guest("torch", "torch_optimizer")
    make = getattr(torch.optim, optimizer) if _is_name(optimizer) else optimizer
    rate = settings.pop("lr", None)

    def step(gradients, state, params):
        count, buffers = int(state[0]), state[1]
        leaves = [_tensor(torch, p).requires_grad_() for p in params]
        now = {} if rate is None else {"lr": rate(count) if callable(rate) else rate}
        tool = make(leaves, **settings, **now)
        for leaf, g, buffer in zip(leaves, gradients, buffers, strict=True):
            leaf.grad = _tensor(torch, g)
            if count:
                tool.state[leaf] = {n: _buffer(torch, b) for n, b in buffer.items()}
        tool.step()
        moved = [_array(x) for x in leaves]
        updates = [a - np.asarray(p) for a, p in zip(moved, params, strict=True)]
        new = [_arrays(torch, tool.state[leaf]) for leaf in leaves]
        return updates, (np.asarray(count + 1, np.int32), new)

    def init(params):
        leaves = [np.zeros(np.shape(p), _dtype(p)) for p in jax.tree.leaves(params)]
        none = np.asarray(0, np.int32), [{} for _ in leaves]
        _, (_, shapes) = step(leaves, none, leaves)
        return none[0], jax.tree.map(np.zeros_like, shapes)

    def update(updates, state, params=None, **extra):
        del extra
        leaves, structure = jax.tree.flatten(updates)
        if params is None:
            _check.fail("torch_optimizer", "update needs the parameters", "none")
        args = leaves, state, jax.tree.leaves(params)
        if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(args)):
            like = [jax.ShapeDtypeStruct(jnp.shape(g), _dtype(g)) for g in leaves]
            shapes = like, jax.tree.map(jax.typeof, state)
            new, state = jax.pure_callback(step, shapes, *args)
        else:
            new, state = step(*jax.tree.map(np.asarray, args))
        return structure.unflatten(new), state

    return Transform(init, update)


def keras_optimizer(optimizer: Any, **settings: Any) -> Transform:
    """A class of `keras.optimizers`, or its name, as a pair: `keras_optimizer("Adam")`.

    Keras must run on JAX: where it is not imported yet, it is imported so.
    `learning_rate` may be a schedule, called with the number of updates before. The
    state is Keras's own variables.

    Raises ModuleNotFoundError without Keras, ValueError on another backend.
    """
    keras = keras_on_jax()
    make = getattr(keras.optimizers, optimizer) if _is_name(optimizer) else optimizer

    def build(params):
        with jax.ensure_compile_time_eval():
            zeros = [jnp.zeros(jnp.shape(p), _dtype(p)) for p in params]
            variables = [keras.Variable(z, dtype=z.dtype.name) for z in zeros]
            tool = make(**_scheduled(keras, settings))
            tool.build(variables)
        return tool

    def init(params):
        params = jax.tree.leaves(params)
        values = [jnp.array(v.value) for v in build(params).variables]
        # Schedule-free AdamW starts a variable as the parameters.
        return values, jnp.zeros([], jnp.int32)

    def update(updates, state, params=None, **extra):
        del extra
        leaves, structure = jax.tree.flatten(updates)
        if params is None:
            _check.fail("keras_optimizer", "update needs the parameters", "none")
        before = [jnp.asarray(p) for p in jax.tree.leaves(params)]
        tool = build(before)
        values, count = state
        values = _started(tool, values, count, before)
        after, values = tool.stateless_apply(values, leaves, before)
        new = [a - b for a, b in zip(after, before, strict=True)]
        return structure.unflatten(new), (values, count + 1)

    return Transform(init, update)


def _started(tool: Any, values: list, count: Any, params: list) -> list:
    """Schedule-free AdamW's own start: its momentum is the parameters at first."""
    if type(tool).__name__ != "ScheduleFreeAdamW":
        return values
    places = {v.path: i for i, v in enumerate(tool.variables)}
    new = list(values)
    for m, p in zip(tool._momentums, params, strict=True):
        i = places[m.path]
        new[i] = jnp.where(count == 0, p, values[i])
    return new


def _scheduled(keras: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """A function as the rate becomes Keras's own kind of schedule."""
    rate = settings.get("learning_rate")
    base = keras.optimizers.schedules.LearningRateSchedule
    if not callable(rate) or isinstance(rate, base):
        return settings

    def call(self, step):
        return rate(keras.ops.convert_to_tensor(step))

    return {
        **settings,
        "learning_rate": type("Schedule", (base,), {"__call__": call})(),
    }


def keras_on_jax() -> ModuleType:
    """Keras on JAX; the process's own choice of a backend is left as it is."""
    with _backend():
        keras = _guest("keras", "keras_optimizer")
    if keras.backend.backend() != "jax":
        todo = "Set KERAS_BACKEND=jax before Keras is imported."
        got = keras.backend.backend()
        _check.fail("keras_optimizer", "Keras must run on JAX", got, todo)
    return keras


@contextlib.contextmanager
def _backend() -> Iterator[None]:
    """KERAS_BACKEND=jax while Keras is imported, unless somebody has chosen."""
    free = "keras" not in sys.modules and "KERAS_BACKEND" not in os.environ
    if free:
        os.environ["KERAS_BACKEND"] = "jax"
    try:
        yield
    finally:
        if free:
            del os.environ["KERAS_BACKEND"]


def _guest(name: str, who: str) -> ModuleType:
    """The package, imported only now; where it is missing, how to install it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    _check.extra(f"verify.{who}", name, {"keras": "peers"}.get(name, name))


def _is_name(optimizer: Any) -> bool:
    return isinstance(optimizer, str)


def _dtype(x: Any) -> Any:
    return jax.dtypes.result_type(x)


def _tensor(torch: Any, x: Any) -> Any:
    """A torch tensor of the array's dtype; NumPy's bfloat16 goes through float32."""
    x = np.asarray(x)
    if x.dtype == jnp.bfloat16:
        return torch.tensor(x.astype(np.float32)).to(torch.bfloat16)
    return torch.tensor(x)


def _array(x: Any) -> np.ndarray:
    x = x.detach()
    if str(x.dtype) == "torch.bfloat16":
        return x.float().numpy().astype(jnp.bfloat16)
    return x.numpy()


def _arrays(torch: Any, state: dict[str, Any]) -> dict[str, np.ndarray]:
    """torch's buffers of one parameter, without those that are None."""
    kept = {n: b for n, b in state.items() if b is not None}
    return {
        n: _array(b) if torch.is_tensor(b) else np.asarray(b) for n, b in kept.items()
    }


def _buffer(torch: Any, x: np.ndarray) -> Any:
    """As torch holds it: Python integers are none of its buffers' kinds here."""
    return _tensor(torch, x)
