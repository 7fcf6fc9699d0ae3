"""Gradient descent in three regimes: all rows, one row, or a hundred rows a step.

You should get: 0.46 for the lecture's one step; 1, 100,000 and 1,000 updates an epoch
for its 100,000 rows; and, on 1,000 rows, the line y = 2x + 1 found by all three.
"""

import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import lax

from assay import costs, layers, losses, optim, plots

picture = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "regimes.png"
rows, epochs = 1000, 10
regimes = {"batch": (1000, 0.5), "mini-batch": (100, 0.1), "stochastic": (1, 0.05)}

# One weight, one step: w = 0.5, rate 0.1, gradient 0.4.
tx = optim.sgd(0.1)
w = jnp.array(0.5)
updates, _ = tx.update(jnp.array(0.4), tx.init(w), w)
w = optim.apply_updates(w, updates)
print(f"0.5 - 0.1 · 0.4 = {w:.2f}")

# How many updates an epoch makes is rows / batch size, and nothing else differs.
counts = {size: costs.iterations(100_000, size) for size in (100_000, 1, 100)}
print("updates an epoch over 100,000 rows, by batch size:", counts)

x = jax.random.uniform(jax.random.key(0), (rows, 1), minval=-1, maxval=1)
y = 2 * x[:, 0] + 1 + 0.3 * jax.random.normal(jax.random.key(1), (rows,))


def loss(params, x, y):
    return losses.l2_loss(layers.adaline(x, *params), y).mean()


def descend(size, learning_rate):
    """Every update's parameters, (updates, 2), from (-1, -1)."""
    tx = optim.sgd(learning_rate)

    def update(carry, batch):
        params, state = carry
        grads = jax.grad(loss)(params, *batch)
        updates, state = tx.update(grads, state, params)
        params = optim.apply_updates(params, updates)
        return (params, state), jnp.append(*params)

    def epoch(carry, key):
        order = jax.random.permutation(key, rows).reshape(-1, size)  # (batches, size)
        return lax.scan(update, carry, (x[order], y[order]))

    params = (jnp.array([-1.0]), jnp.array(-1.0))
    keys = jax.random.split(jax.random.key(2), epochs)
    path = lax.scan(epoch, (params, tx.init(params)), keys)[1]  # (epochs, batches, 2)
    return path.reshape(-1, 2)


paths, ends, noise = {}, {}, {}
for name, (size, learning_rate) in regimes.items():
    path = jax.jit(descend, static_argnums=0)(size, learning_rate)
    paths[name], ends[name] = path, path[-1]
    late = path[-len(path) // 2 :]  # how much it still jumps in the second half
    noise[name] = float(jnp.linalg.norm(jnp.diff(late, axis=0), axis=1).mean())
    print(f"{name:10s} {len(path):6d} updates, ends at w, b = {path[-1]}", end="  ")
    print(f"mean late step {noise[name]:.4f}")
# Batch: smooth, few steps. Stochastic: many steps, and it never stops jumping.
# Mini-batch: what everybody uses. (The lecture's lakh: 100,000; crore: 10 million.)


def surface(point):
    return loss((point[:1], point[1]), x, y)


try:
    shown = {name: path[:200] for name, path in paths.items()}
    bounds = (-1.5, 4.0, -1.5, 2.5)
    print("picture:", plots.surface_paths(picture, surface, shown, bounds=bounds))
except ModuleNotFoundError as missing:
    print(missing)

assert abs(w - 0.46) < 1e-7
assert list(counts.values()) == [1, 100_000, 1_000]
assert [len(p) for p in paths.values()] == [10, 100, 10_000]
assert abs(ends["mini-batch"] - jnp.array([2.0, 1.0])).max() < 0.15
assert abs(ends["stochastic"] - jnp.array([2.0, 1.0])).max() < 0.3
assert surface(ends["batch"]) < surface(paths["batch"][0])
assert noise["stochastic"] > noise["mini-batch"]
