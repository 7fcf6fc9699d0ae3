"""The same functions inside Flax Linen: it owns the parameters, assay the arithmetic.

You should get: the Linen network and the pure function equal, to the last bit, for the
same parameters; and a loss that goes down under our Adam and under Optax's alike.
"""

import flax.linen as nn
import jax
import optax

from assay import activations, initializers, layers, losses, optim

steps = 30


class Conv(nn.Module):
    features: int
    window: tuple[int, ...] = (3, 3)

    @nn.compact
    def __call__(self, x):  # (batch, *space, channels)
        shape = (*self.window, x.shape[-1], self.features)
        # An initializer of assay is one of Flax: (key, shape, dtype) -> array.
        kernel = self.param("kernel", initializers.he_normal(), shape)
        bias = self.param("bias", initializers.zeros, shape[-1:])
        return layers.conv(x, kernel, bias, padding="SAME")


class Dense(nn.Module):
    features: int

    @nn.compact
    def __call__(self, x):  # (batch, i)
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", initializers.lecun_normal(), shape)
        bias = self.param("bias", initializers.zeros, shape[-1:])
        return layers.dense(x, kernel, bias)


class Network(nn.Module):
    @nn.compact
    def __call__(self, x):  # (batch, 8, 8, 1)
        x = activations.relu(Conv(4, name="conv")(x))  # (batch, 8, 8, 4)
        x = layers.max_pool(x, (2, 2))  # (batch, 4, 4, 4)
        return Dense(3, name="dense")(layers.flatten(x))  # (batch, 3)


def network(params, x):
    """The very same network as one pure function of Linen's parameters."""
    x = activations.relu(layers.conv(x, **params["conv"], padding="SAME"))
    return layers.dense(layers.flatten(layers.max_pool(x, (2, 2))), **params["dense"])


x = jax.random.normal(jax.random.key(0), (32, 8, 8, 1))
y = (x.mean(axis=(1, 2, 3)) * 20).round().clip(-1, 1).astype(int) + 1  # (32,) 0, 1, 2
model = Network()
params = model.init(jax.random.key(1), x)["params"]

inside, pure = model.apply({"params": params}, x), network(params, x)
print("Linen and the pure function differ by", abs(inside - pure).max())


def loss(params):
    logits = model.apply({"params": params}, x)
    return losses.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def train(tx):
    """Our transform and Optax's speak one protocol: (init, update)."""

    @jax.jit
    def step(params, state):
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value

    p, state, values = params, tx.init(params), []
    for _ in range(steps):
        p, state, value = step(p, state)
        values.append(float(value))
    return p, values


ours, our_losses = train(optim.adam(1e-2))
theirs, their_losses = train(optax.adam(1e-2))
mixed, _ = train(optax.chain(optax.clip_by_global_norm(1.0), optim.adam(1e-2)))
apart = max(jax.tree.leaves(jax.tree.map(lambda a, b: abs(a - b).max(), ours, theirs)))
print(
    f"loss {our_losses[0]:.4f} -> {our_losses[-1]:.4f} (Optax: {their_losses[-1]:.4f})"
)
print(f"after {steps} steps the parameters differ by at most {apart:.1e}")

assert (inside == pure).all()
assert our_losses[-1] < 0.5 * our_losses[0]
assert abs(our_losses[-1] - their_losses[-1]) < 1e-3
assert apart < 1e-3
