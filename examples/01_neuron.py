"""One neuron: weigh, add, squash; then let it learn its own weights.

You should get: 0.9568927 for the first lecture's neuron (it prints 0.957), 2.5 for its
second one, and after 50 steps of gradient descent three patients judged 1, 0, 1.
"""

import jax
import jax.numpy as jnp

from assay import activations, data, layers, losses

# The lecture's neuron: x = (2, 3), w = (0.4, 0.6), b = 0.5.
x = jnp.array([2.0, 3.0])  # (2,)
w = jnp.array([0.4, 0.6])  # (2,) one weight an input
b = jnp.array(0.5)  # () the bias shifts the whole sum

z = layers.neuron(x, w, b, activation=activations.linear)  # 0.4·2 + 0.6·3 + 0.5
y = layers.neuron(x, w, b)  # sigmoid(z), the default
print(f"z = {z:.1f}, y = {y:.7f}   the lecture: 3.1 and 0.957")

# The second one only adds up: does a student pass with 2 h of study and 5 h of sleep?
z2 = layers.neuron(
    jnp.array([2.0, 5.0]),
    jnp.array([0.6, 0.4]),
    jnp.array(-0.7),
    activation=activations.linear,
)
print(f"z = {z2:.1f}               the lecture: 2.5")

# What a weight is: the answer's sensitivity to its input. JAX differentiates anything.
print("dy/dw =", jax.grad(layers.neuron, argnums=1)(x, w, b))  # (2,)

# Learning. Age, cholesterol and blood pressure of three patients; is the heart ill?
patients, ill = data.heart().train  # (3, 3), (3,)
patients, ill = jnp.asarray(patients, jnp.float32), jnp.asarray(ill, jnp.float32)
# Raw numbers like 150 saturate the sigmoid at once: standardise each column first.
patients = (patients - patients.mean(0)) / patients.std(0)

learning_rate = 0.5
steps = 50


def loss(params):
    """Log loss, -y log p - (1-y) log(1-p). ERRATUM: the lecture omits the minus."""
    return losses.binary_cross_entropy(layers.neuron(patients, *params), ill).mean()


@jax.jit
def step(params):
    value, grads = jax.value_and_grad(loss)(params)
    return jax.tree.map(lambda p, g: p - learning_rate * g, params, grads), value


params = (jnp.zeros(3), jnp.zeros(()))  # every patient starts at one half
history = []
for _ in range(steps):
    params, value = step(params)
    history.append(float(value))
probability = layers.neuron(patients, *params)  # (3,)
print(f"log loss {history[0]:.4f} -> {history[-1]:.4f}; ill with", probability)

assert abs(z - 3.1) < 1e-6 and abs(z2 - 2.5) < 1e-6
assert abs(y - 0.9568927450589139) < 1e-6
assert abs(history[0] - 0.6931472) < 1e-6  # log 2: it knew nothing
assert history[-1] < 0.1
assert (probability > 0.5).tolist() == [True, False, True]
