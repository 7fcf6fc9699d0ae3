"""XOR with one hidden layer: by the lecture's hand-made weights, then learned.

You should get: outputs that round to 0, 1, 1, 0 (within 0.0001) by hand; and, of 64
random starts trained at once, more than half that learn XOR with only two hidden units.
"""

import jax
import jax.numpy as jnp
from jax import lax

from assay import activations, initializers, layers, losses, optim

x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # (4, 2)
y = jnp.array([0.0, 1.0, 1.0, 0.0])  # (4,)
starts = 64
steps = 1000


def logits(params, x):
    """(rows, 2) -> (rows,): two hidden sigmoids, one output without its sigmoid."""
    h = activations.sigmoid(layers.dense(x, **params["hidden"]))  # (rows, 2)
    return layers.dense(h, **params["output"])[..., 0]


# 1. By hand: h1 is OR, h2 is NAND, and the output asks for both.
by_hand = {
    "hidden": {
        "kernel": jnp.array([[20.0, -20.0], [20.0, -20.0]]),  # (inputs, units)
        "bias": jnp.array([-10.0, 30.0]),
    },
    "output": {"kernel": jnp.array([[20.0], [20.0]]), "bias": jnp.array([-30.0])},
}
print("hidden ", activations.sigmoid(layers.dense(x, **by_hand["hidden"])).round(4))
answer = activations.sigmoid(logits(by_hand, x))
print("by hand", answer)


# 2. Learned: sigmoid and cross-entropy, our Adam, one start a key.
def start(key):
    k1, k2 = jax.random.split(key)
    draw = initializers.glorot_normal()
    return {
        "hidden": {"kernel": 3 * draw(k1, (2, 2)), "bias": jnp.zeros(2)},
        "output": {"kernel": 3 * draw(k2, (2, 1)), "bias": jnp.zeros(1)},
    }


def loss(params):
    return losses.sigmoid_binary_cross_entropy(logits(params, x), y).mean()


def train(key):
    tx = optim.adam(0.05)

    def step(carry, _):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = tx.update(grads, state, params)
        return (optim.apply_updates(params, updates), state), value

    params = start(key)
    (params, _), history = lax.scan(step, (params, tx.init(params)), length=steps)
    return params, history  # history: (steps,)


# vmap turns one training run into 64, side by side in one program.
keys = jax.random.split(jax.random.key(0), starts)
params, history = jax.jit(jax.vmap(train))(keys)  # every leaf: (starts, ...)
outputs = activations.sigmoid(jax.vmap(logits, in_axes=(0, None))(params, x))
learned = ((outputs > 0.5) == (y > 0.5)).all(axis=1)  # (starts,)
print(f"learned by {learned.sum()} of {starts} starts; mean log loss", end=" ")
print(f"{history[:, 0].mean():.3f} -> {history[:, -1].mean():.3f}")
print("the best start:", outputs[history[:, -1].argmin()])

assert answer.round().tolist() == [0, 1, 1, 0]
assert abs(answer - y).max() < 1e-4
assert learned.mean() > 0.5
