"""Vanishing and exploding gradients: measured layer by layer, then cured one by one.

You should get: through 20 sigmoid layers the first layer's gradient is less than 1e-9
of the last one's, and every cure brings it within a factor of 100; and a memory that a
plain RNN has lost after 50 steps, while an LSTM and a GRU still feel it.
"""

import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp

from assay import initializers as init
from assay import layers, losses, optim, plots
from assay.activations import relu, sigmoid, tanh

picture = Path(
    sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(), "gradients.png"
)
depth, width, rows = 20, 64, 128

# The lecture's products: 0.03 · 0.05 = 0.0015 shrinks, 100 · 500 = 50000 explodes.
print(f"two slopes multiply: {0.03 * 0.05:.4f} and {100 * 500}")

x = jax.random.normal(jax.random.key(0), (rows, width))
y = jax.random.normal(jax.random.key(1), (rows, width))
stats = layers.BatchStats(jnp.zeros(width), jnp.ones(width))
glorot, he = init.glorot_uniform(batch_axis=0), init.he_uniform(batch_axis=0)
networks = {  # name: (layer (kernel, h) -> h, initializer)
    "sigmoid": (lambda kernel, h: sigmoid(h @ kernel), glorot),  # slope at most 1/4
    "tanh, too small": (lambda kernel, h: tanh(h @ kernel), init.normal(0.01)),
    "relu, too large": (lambda kernel, h: relu(h @ kernel), init.normal(0.5)),
    "cure: tanh, glorot": (lambda kernel, h: tanh(h @ kernel), glorot),
    "cure: relu, he": (lambda kernel, h: relu(h @ kernel), he),
    # h + f(h): the slope is 1 + f'(h), so a path of ones leads to the bottom.
    "cure: residual": (
        lambda kernel, h: layers.residual(h, lambda h: 0.1 * tanh(h @ kernel)),
        glorot,
    ),
    # Batch normalization keeps the input of the tanh where the tanh has a slope.
    "cure: batch norm": (
        lambda kernel, h: tanh(layers.batch_norm(h @ kernel, None, None, stats)[0]),
        init.normal(0.01),
    ),
}


def gradients(layer, kernels):
    """dLoss/dkernel of every layer, both (depth, width, width)."""

    def loss(kernels):
        h, _ = jax.lax.scan(lambda h, kernel: (layer(kernel, h), None), x, kernels)
        return losses.squared_error(h, y).mean()

    return jax.grad(loss)(kernels)


norms = {}  # name: (depth,)
print("                     gradient of the first layer, of the last, ratio")
for name, (layer, draw) in networks.items():
    kernels = draw(jax.random.key(2), (depth, width, width))
    grads = jax.jit(gradients, static_argnums=0)(layer, kernels)
    norms[name] = jax.vmap(optim.global_norm)(grads)
    first, last = norms[name][0], norms[name][-1]
    print(f"{name:20s} {first:12.1e} {last:12.1e} {first / last:12.1e}")
    if name == "relu, too large":  # clipping keeps the direction and cures the size
        clip = optim.clip_by_global_norm(1.0)
        size = optim.global_norm(clip.update(grads, clip.init(grads))[0])
        print(
            f"{'cure: clipping':20s} the norm of all layers together is now {size:.4f}"
        )

# Through time it is the same product. Gates make a path of ones for it: an LSTM with
# its forget gate open and its input gate closed hands its memory on unchanged.
n, time, xs = 16, 50, jnp.zeros((50, 1))


def weights(kind, *gates):
    """Recurrent kernels of ½ on the diagonal; one bias a gate."""
    k = len(gates)
    square = jnp.tile(0.5 * jnp.eye(n), (1, k))
    return kind(jnp.zeros((1, k * n)), square, jnp.repeat(jnp.array(gates), n))


def gru(*args):
    return layers.GRUParams(*args, jnp.zeros(3 * n))  # its second bias


cells = {
    "rnn": (layers.rnn_cell, weights(layers.RNNParams, 0.0)),
    "lstm": (layers.lstm_cell, weights(layers.LSTMParams, -6.0, 6.0, 0.0, 0.0)),  # ifgo
    "gru": (layers.gru_cell, weights(gru, 0.0, 6.0, 0.0)),  # r z n
}


def last_step(carry, cell, params):
    return layers.recurrent(cell, params, carry, xs)[1][-1].sum()


felt = {}
for name, (cell, params) in cells.items():
    carry = jax.tree.map(lambda c: c + 0.1, layers.zero_carry(params, xs[0]))
    grads = jax.jit(jax.grad(last_step), static_argnums=1)(carry, cell, params)
    felt[name] = max(float(abs(g).max()) for g in jax.tree.leaves(grads))
    print(f"{name:4s} slope of step {time} towards the first memory: {felt[name]:.1e}")

try:
    print("picture:", plots.line(picture, norms, labels=("layer", "norm"), log=True))
except ModuleNotFoundError as missing:
    print(missing)

ratio = {name: float(norm[0] / norm[-1]) for name, norm in norms.items()}
assert ratio["sigmoid"] < 1e-9 and norms["tanh, too small"][0] < 1e-9
assert norms["relu, too large"][0] > 1e9 and abs(size - 1) < 1e-4
assert all(1e-2 < r < 1e2 for name, r in ratio.items() if name.startswith("cure"))
assert felt["rnn"] < 1e-10 and felt["lstm"] > 0.1 and felt["gru"] > 0.1
