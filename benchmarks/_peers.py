"""The same training step in other libraries, each as its documentation writes it.

A peer takes a `Task` and gives `epochs(n) -> [mean loss of each epoch]`, which trains
on from where it stands. Each starts from the same weights, reads the same rows in the
same order, and uses Adam(1e-3).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay import bench

Epochs = Callable[[int], list[float]]
RATE = 1e-3


class Layer(NamedTuple):
    """Weights in our layout; `pool` says that a 2x2 maximum follows."""

    kernel: Any  # (i, o) or (h, w, i, o)
    bias: Any
    pool: bool = False


class Task(NamedTuple):
    """What is trained: the layers in order (ReLU between them), data, batch size."""

    name: str
    layers: list[Layer]
    x: np.ndarray
    y: np.ndarray
    batch: int

    def batches(self) -> list[tuple[jax.Array, jax.Array]]:
        """All batches on the device beforehand: no peer waits for the host."""
        rows = range(0, len(self.x), self.batch)
        cut = [(self.x[r : r + self.batch], self.y[r : r + self.batch]) for r in rows]
        return [(jnp.asarray(x), jnp.asarray(y)) for x, y in cut]


def _loop(step: Callable, batches: list) -> Epochs:
    def epochs(n: int) -> list[float]:
        # Read at the end of the epoch: no peer blocks on the newest step.
        losses = [[step(x, y) for x, y in batches] for _ in range(n)]
        return [float(np.mean([np.asarray(v) for v in epoch])) for epoch in losses]

    return epochs


def _flattens(task: Task) -> list[bool]:
    """Which layers are the first dense one after images."""
    ranks = [task.x.ndim, *(layer.kernel.ndim for layer in task.layers)]
    pairs = zip(ranks[:-1], ranks[1:], strict=True)
    return [before == 4 and after == 2 for before, after in pairs]


def ours(task: Task, model: tuple) -> Epochs:
    """`assay.training.fit`, its own dispatch, in the order of the rows."""
    from assay import losses, optim, training

    data = jnp.asarray(task.x), jnp.asarray(task.y)
    tx, loss = optim.adam(RATE), losses.softmax_cross_entropy_with_integer_labels
    apply, now, state = model[0], [model[1]], model[2]
    options = {"batch_size": task.batch, "shuffle": False, "progress": False}

    def epochs(n: int) -> list[float]:
        start = (apply, now[0], state)
        key = jax.random.key(0)
        done = training.fit(start, loss, tx, data, key=key, epochs=n, **options)
        now[0] = done.params
        return done.history["loss"]

    return epochs


def _flax_model(task: Task) -> Any:
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.layers = nnx.List([self.one(layer, rngs) for layer in task.layers])

        @staticmethod
        def one(layer, rngs):
            *window, i, o = layer.kernel.shape
            if not window:
                made = nnx.Linear(i, o, rngs=rngs)
            else:
                pad = "VALID"
                made = nnx.Conv(i, o, tuple(window), padding=pad, rngs=rngs)
            made.kernel[...], made.bias[...] = map(jnp.copy, layer[:2])
            return made

        def __call__(self, x):
            for layer, made in zip(task.layers, self.layers, strict=True):
                if layer.kernel.ndim == 2:
                    x = x.reshape(x.shape[0], -1)
                x = made(x)
                if layer is not task.layers[-1]:
                    x = nnx.relu(x)
                if layer.pool:
                    x = nnx.max_pool(x, (2, 2), strides=(2, 2))
            return x

    return Net(nnx.Rngs(0))


def _flax_step() -> Callable:
    from flax import nnx

    @nnx.jit
    def train_step(model, optimizer, x, y):
        def loss_fn(model):
            losses = optax.softmax_cross_entropy_with_integer_labels(model(x), y)
            return losses.mean()

        loss, grads = nnx.value_and_grad(loss_fn)(model)
        optimizer.update(model, grads)
        return loss

    return train_step


def flax_loop(task: Task) -> Epochs:
    """Flax's documented loop: `nnx.jit`, `nnx.Optimizer`, Optax's Adam."""
    from flax import nnx

    model = _flax_model(task)
    optimizer = nnx.Optimizer(model, optax.adam(RATE), wrt=nnx.Param)
    step = _flax_step()
    return _loop(lambda x, y: step(model, optimizer, x, y), task.batches())


def flax_cached(task: Task) -> Epochs:
    """The same with `nnx.cached_partial`, Flax's own remedy for dispatch."""
    from flax import nnx

    model = _flax_model(task)
    optimizer = nnx.Optimizer(model, optax.adam(RATE), wrt=nnx.Param)
    return _loop(nnx.cached_partial(_flax_step(), model, optimizer), task.batches())


def keras_fit(task: Task) -> Epochs:
    """`model.fit` of Keras on JAX."""
    import os

    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    if keras.backend.backend() != "jax":
        raise ModuleNotFoundError("keras runs on another backend than JAX")
    parts: list[Any] = [keras.Input(task.x.shape[1:])]
    for layer, flatten in zip(task.layers, _flattens(task), strict=True):
        act = None if layer is task.layers[-1] else "relu"
        *window, _, o = layer.kernel.shape
        if window:
            pad = "valid"
            parts.append(keras.layers.Conv2D(o, window, padding=pad, activation=act))
        else:
            parts += [keras.layers.Flatten()] if flatten else []
            parts.append(keras.layers.Dense(o, activation=act))
        parts += [keras.layers.MaxPooling2D()] if layer.pool else []
    weights = [np.asarray(w) for layer in task.layers for w in layer[:2]]
    model = keras.Sequential(parts)
    model.set_weights(weights)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Keras adds eps before the bias correction: a tenth is nearest over an epoch.
    model.compile(keras.optimizers.Adam(RATE, epsilon=1e-9), loss)
    plain = {"batch_size": task.batch, "shuffle": False, "verbose": 0}
    fit = lambda n: model.fit(task.x, task.y, epochs=n, **plain)  # noqa: E731
    return lambda n: fit(n).history["loss"]


def equinox_loop(task: Task) -> Epochs:
    """Equinox's documented loop: `eqx.filter_jit`, Optax's Adam (MLP only)."""
    import equinox as eqx

    keys = jax.random.split(jax.random.key(0), len(task.layers))
    shapes = [layer.kernel.shape for layer in task.layers]
    made = [eqx.nn.Linear(i, o, key=k) for (i, o), k in zip(shapes, keys, strict=True)]
    for n, layer in enumerate(task.layers):
        new = (jnp.asarray(layer.kernel).T, jnp.copy(layer.bias))
        made[n] = eqx.tree_at(lambda m: (m.weight, m.bias), made[n], new)
    tx = optax.adam(RATE)

    def forward(model, x):
        for layer in model[:-1]:
            x = jax.nn.relu(layer(x))
        return model[-1](x)

    @eqx.filter_jit
    def step(model, state, x, y):
        def loss_fn(model):
            logits = jax.vmap(lambda row: forward(model, row))(x)
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        loss, grads = eqx.filter_value_and_grad(loss_fn)(model)
        updates, state = tx.update(grads, state, eqx.filter(model, eqx.is_array))
        return eqx.apply_updates(model, updates), state, loss

    now = [made, tx.init(eqx.filter(made, eqx.is_array))]

    def one(x, y):
        now[0], now[1], loss = step(now[0], now[1], x, y)
        return loss

    return _loop(one, task.batches())


def torch_loop(task: Task) -> Epochs:
    """PyTorch, eager, fused Adam, on one thread or all: whichever is faster."""
    import torch

    threads = torch.get_num_threads()
    speed = {n: _torch_seconds(torch, task, n) for n in (1, threads)}
    torch.set_num_threads(min(speed, key=speed.__getitem__))
    return _torch_loop(torch, task)


def _torch_seconds(torch: Any, task: Task, threads: int) -> float:
    torch.set_num_threads(threads)
    few = task._replace(x=task.x[: 8 * task.batch], y=task.y[: 8 * task.batch])
    epochs = _torch_loop(torch, few)
    epochs(1)
    return bench.seconds(lambda: epochs(1))


def _torch_loop(torch: Any, task: Task) -> Epochs:
    parts: list[Any] = []
    for layer, flatten in zip(task.layers, _flattens(task), strict=True):
        parts += _torch_layer(torch, layer, flatten=flatten)
        if layer is not task.layers[-1]:
            parts.append(torch.nn.ReLU())
        parts += [torch.nn.MaxPool2d(2)] if layer.pool else []
    model = torch.nn.Sequential(*parts)
    tx = torch.optim.Adam(model.parameters(), lr=RATE, eps=1e-8, fused=True)
    entropy = torch.nn.CrossEntropyLoss()
    x = torch.tensor(np.moveaxis(task.x, -1, 1) if task.x.ndim == 4 else task.x)
    y = torch.tensor(task.y, dtype=torch.long)
    batches = list(zip(x.split(task.batch), y.split(task.batch), strict=True))

    def step(x, y):
        tx.zero_grad()
        loss = entropy(model(x), y)
        loss.backward()
        tx.step()
        return loss.detach()

    return _loop(step, batches)


def _torch_layer(torch: Any, layer: Layer, *, flatten: bool) -> list[Any]:
    kernel, bias = np.asarray(layer.kernel), np.asarray(layer.bias)
    if kernel.ndim == 4:
        h, w, i, o = kernel.shape
        made = torch.nn.Conv2d(i, o, (h, w), padding="valid")
        kernel = kernel.transpose(3, 2, 0, 1)
    else:
        made = torch.nn.Linear(*kernel.shape)
        kernel = kernel.T
    with torch.no_grad():
        made.weight.copy_(torch.tensor(np.ascontiguousarray(kernel)))
        made.bias.copy_(torch.tensor(bias))
    # Channels last, as the weights of the dense layer after the images expect.
    return [_channels_last(torch), torch.nn.Flatten(), made] if flatten else [made]


def _channels_last(torch: Any) -> Any:
    class Move(torch.nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1)

    return Move()
