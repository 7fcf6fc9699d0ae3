"""The perceptron learns AND and OR in a few epochs, and runs in circles on XOR.

You should get: y = 1 at z = 0.4 for the lecture's student; AND and OR learned without
an error left; on XOR the same weights again and again, with a period of one epoch.
"""

import jax.numpy as jnp
from jax import lax

from assay import layers

bits = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # (4, 2)
tables = {"AND": [0.0, 0, 0, 1], "OR": [0.0, 1, 1, 1], "XOR": [0.0, 1, 1, 0]}
epochs = 12

# The lecture's student: 1 hour studied, 1 class attended.
student = (jnp.ones(2), jnp.array([0.6, 0.5]), jnp.array(-0.7))
z, y = layers.adaline(*student), layers.perceptron(*student)
print(f"z = {z:.1f} > 0, so y = {y:.0f}: the student passes")

# One lecture fires at z > 0, another at z >= 0. They differ at z = 0 and nowhere else,
# so the convention is an argument.
at_zero = (jnp.ones(2), jnp.array([1.0, -1.0]), jnp.array(0.0))
fires = layers.perceptron(*at_zero)  # z >= 0
silent = layers.perceptron(*at_zero, at_threshold=0.0)  # z > 0
print(f"at z = 0: {fires:.0f} under z >= 0, {silent:.0f} under z > 0")


def learn(labels):
    """The parameters after each epoch: w (epochs, 2), b (epochs,)."""

    def one_sample(params, sample):
        # w += eta (y - y_hat) x. The lecture states the rule for the weights only;
        # the bias follows the same rule, as the weight of an input that is always 1.
        return layers.perceptron_rule(*params, *sample), None

    def one_epoch(params, _):
        params, _ = lax.scan(one_sample, params, (bits, jnp.array(labels)))
        return params, params

    return lax.scan(one_epoch, (jnp.zeros(2), jnp.zeros(())), length=epochs)[1]


wrong, periods = {}, {}
for name, labels in tables.items():
    w, b = learn(labels)
    y = [layers.perceptron(bits, *params) for params in zip(w, b, strict=True)]
    wrong[name] = [int((y_ != jnp.array(labels)).sum()) for y_ in y]
    states = [(*w_.tolist(), float(b_)) for w_, b_ in zip(w, b, strict=True)]
    before = [i for i, s in enumerate(states[:-1]) if s == states[-1]]
    periods[name] = len(states) - 1 - before[-1]
    print(f"{name:3s} errors after each epoch: {wrong[name]}")
print("XOR ends each epoch where the last one ended:", states[-2:])
# No line separates XOR's two classes. The rule cannot stop, and the numbers that it
# visits are finitely many: it has to come back. 05_xor.py adds the hidden layer.

assert abs(z - 0.4) < 1e-6 and fires == 1 and silent == 0
assert wrong["AND"][-1] == wrong["OR"][-1] == 0
assert min(wrong["XOR"]) > 0
assert periods["XOR"] < epochs
