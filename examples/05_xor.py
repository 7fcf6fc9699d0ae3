"""XOR with one hidden layer: by the lecture's hand-made weights, then learned.

You should get: outputs that round to 0, 1, 1, 0 (within 0.0001) by hand; and, learning
from 64 random starts at once, about half of them there with two hidden units, nearly
all of them with eight.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from assay import activations, data, initializers, layers, losses, optim

x, y = (jnp.asarray(a, jnp.float32) for a in data.logic("xor").train)  # (4, 2), (4,)
starts = 64
steps = 1000


def logits(params, x):
    """(rows, 2) -> (rows,): hidden sigmoids, one output without its sigmoid."""
    h = activations.sigmoid(layers.dense(x, **params["hidden"]))  # (rows, units)
    return layers.dense(h, **params["output"])[..., 0]


# 1. By hand: h1 is OR, h2 is NAND, and the output asks for both.
by_hand = {
    "hidden": {
        "kernel": jnp.array([[20.0, -20.0], [20.0, -20.0]]),  # (inputs, units)
        "bias": jnp.array([-10.0, 30.0]),
    },
    "output": {"kernel": jnp.array([[20.0], [20.0]]), "bias": jnp.array([-30.0])},
}
answer = activations.sigmoid(logits(by_hand, x))
for row, h, o in zip(
    x, activations.sigmoid(layers.dense(x, **by_hand["hidden"])), answer, strict=True
):
    print(f"{row} -> hidden {h.round(4)} -> {o:.4f}")


# 2. Learned: sigmoid, cross-entropy, our Adam.
def start(key, units):
    k1, k2 = jax.random.split(key)
    draw = initializers.normal(2.0)
    return {
        "hidden": {"kernel": draw(k1, (2, units)), "bias": jnp.zeros(units)},
        "output": {"kernel": draw(k2, (units, 1)), "bias": jnp.zeros(1)},
    }


def loss(params):
    return losses.sigmoid_binary_cross_entropy(logits(params, x), y).mean()


def train(key, units):
    """One start: the four outputs after training."""
    tx = optim.adam(0.05)

    def step(carry, _):
        params, state = carry
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return (optim.apply_updates(params, updates), state), None

    params = start(key, units)
    (params, _), _ = lax.scan(step, (params, tx.init(params)), length=steps)
    return activations.sigmoid(logits(params, x))  # (4,)


# vmap turns one training run into 64, side by side in one program.
keys = jax.random.split(jax.random.key(0), starts)
learned = {}
for units in (2, 8):
    outputs = jax.jit(jax.vmap(partial(train, units=units)))(keys)  # (starts, 4)
    right = (outputs.round() == y).all(axis=1)  # (starts,)
    learned[units] = float(right.mean())
    print(f"{units} hidden units: {right.sum()} of {starts} starts learn XOR")

assert answer.round().tolist() == [0, 1, 1, 0]
assert abs(answer - y).max() < 1e-4
assert learned[2] > 0.25 and learned[8] > 0.9  # the one unit of 03_perceptron.py: 0
