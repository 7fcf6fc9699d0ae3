"""Vanishing and exploding gradients: measured layer by layer, then cured one by one.

You should get: through 30 sigmoid layers the first layer's gradient is less than 1e-9
of the last one's; every cure brings it back within a factor of 100; and a carry that a
plain RNN forgets within 50 steps and an LSTM or a GRU keeps.
"""

import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp

from assay import activations, initializers, layers, losses, optim, plots

picture = (
    Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "gradients.png"
)
depth, width, rows = 30, 64, 128

# The lecture's products: 0.03 · 0.05 = 0.0015 shrinks, 100 · 500 = 50000 explodes.
print(f"two slopes multiply: {0.03 * 0.05:.4f} and {100 * 500}")

x = jax.random.normal(jax.random.key(0), (rows, width))
y = jax.random.normal(jax.random.key(1), (rows, width))
layer_norm = (jnp.ones(width), jnp.zeros(width))
stats = layers.BatchStats(jnp.zeros(width), jnp.ones(width))

relu, tanh, sigmoid = activations.relu, activations.tanh, activations.sigmoid
plain = lambda f: lambda kernel, h: f(h @ kernel)  # noqa: E731
small, glorot = initializers.normal(0.01), initializers.glorot_normal()
he, large = initializers.he_normal(), initializers.normal(1.0)


def residual(kernel, h):
    """h + f(h): the derivative is 1 + f'(h), so a path of ones leads to the bottom."""
    return layers.residual(h, lambda h: 0.1 * tanh(h @ kernel))


def normalized(kernel, h):
    """Batch normalization before the activation keeps its input where it has slope."""
    h, _ = layers.batch_norm(h @ kernel, *layer_norm, stats)
    return tanh(h)


networks = {
    "sigmoid, glorot": (plain(sigmoid), glorot),
    "tanh, too small": (plain(tanh), small),
    "relu, too large": (plain(relu), large),
    "cure: tanh, glorot": (plain(tanh), glorot),
    "cure: relu, he": (plain(relu), he),
    "cure: residual": (residual, glorot),
    "cure: batch norm": (normalized, small),
}


def gradients(layer, kernels):
    """dLoss/dkernel of every layer. kernels: (depth, width, width)"""

    def loss(kernels):
        h, _ = jax.lax.scan(lambda h, kernel: (layer(kernel, h), None), x, kernels)
        return losses.squared_error(h, y).mean()

    return jax.grad(loss)(kernels)


norms = {}
print("                        gradient at the first, the last layer, and their ratio")
for name, (layer, draw) in networks.items():
    keys = jax.random.split(jax.random.key(2), depth)
    kernels = jax.vmap(lambda key, draw=draw: draw(key, (width, width)))(keys)
    grads = jax.jit(gradients, static_argnums=0)(layer, kernels)
    norms[name] = jnp.sqrt((grads**2).sum(axis=(1, 2)))  # (depth,)
    first, last = norms[name][0], norms[name][-1]
    print(f"{name:20s} {first:12.1e} {last:12.1e} {first / last:12.1e}")
    if name == "relu, too large":  # clipping cures the size, not the direction
        clip = optim.clip_by_global_norm(1.0)
        clipped, _ = clip.update(grads, clip.init(kernels))
        size = optim.global_norm(clipped)
        print(f"{'cure: clipping':20s} the whole gradient's norm is now {size:.6f}")

# Through time it is the same product, h₅₀ against h₀, and the cells with gates have a
# path for it. Gates that are biased open keep the memory (the LSTM's forget gate here).
n, time = 16, 50
small_recurrent = 0.5 * jnp.eye(n)
xs = jnp.zeros((time, 1))
open_gate = jnp.concatenate(
    [jnp.zeros(n), jnp.full(n, 6.0), jnp.zeros(2 * n)]
)  # i f g o
update_gate = jnp.concatenate([jnp.zeros(n), jnp.full(n, 6.0), jnp.zeros(n)])  # r z n
tile = lambda k: jnp.tile(small_recurrent, (1, k))  # noqa: E731
zeros = lambda k: jnp.zeros((1, k * n))  # noqa: E731
cells = {
    "rnn": (layers.rnn_cell, layers.RNNParams(zeros(1), tile(1), jnp.zeros(n))),
    "lstm": (layers.lstm_cell, layers.LSTMParams(zeros(4), tile(4), open_gate)),
    "gru": (
        layers.gru_cell,
        layers.GRUParams(zeros(3), tile(3), update_gate, jnp.zeros(3 * n)),
    ),
}
kept = {}
for name, (cell, params) in cells.items():
    start = jax.tree.map(lambda c: c + 0.1, layers.zero_carry(params, xs[0]))
    last = lambda c, cell=cell, p=params: layers.recurrent(cell, p, c, xs)[1][-1].sum()  # noqa: E731
    grads = jax.grad(last)(start)
    kept[name] = float(max(abs(g).max() for g in jax.tree.leaves(grads)))
    print(f"{name:4s} d h₅₀ / d (what it started with) = {kept[name]:.1e}")

try:
    shown = {name: norm for name, norm in norms.items()}
    labels = ("layer", "norm of the gradient")
    print("picture:", plots.line(picture, shown, labels=labels, log=True))
except ModuleNotFoundError as missing:
    print(missing)

ratio = {name: float(norm[0] / norm[-1]) for name, norm in norms.items()}
assert ratio["sigmoid, glorot"] < 1e-9 and ratio["tanh, too small"] < 1e-9
assert norms["relu, too large"][0] > 1e9 and abs(size - 1) < 1e-5
assert all(1e-2 < r < 1e2 for name, r in ratio.items() if name.startswith("cure"))
assert kept["rnn"] < 1e-10 and kept["lstm"] > 0.1 and kept["gru"] > 0.1
