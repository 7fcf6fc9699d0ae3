"""ADALINE and the least-mean-squares rule: learn from the error before the threshold.

You should get, after the four rows of the lecture (it prints the first row only):
    row 1  y =  0.000  e =  1.000  w = ( 0.3000, -0.2000)  b =  0.2000
    row 2  y =  0.700  e = -1.700  w = ( 0.1300, -0.0300)  b =  0.0300
    row 3  y = -0.130  e = -0.870  w = ( 0.2170, -0.1170)  b = -0.0570
    row 4  y = -0.157  e = -0.843  w = ( 0.3013, -0.0327)  b = -0.1413
and, after many epochs, near the least squares solution w = (½, ½), b = -½.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from assay import layers, losses

xs = jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])  # (4, 2)
ds = jnp.array([1.0, -1.0, -1.0, -1.0])  # (4,) the desired outputs: AND, as ±1
w, b = jnp.array([0.2, -0.3]), jnp.array(0.1)
learning_rate = 0.1

rows = []
for i, (x, d) in enumerate(zip(xs, ds, strict=True), 1):
    y = layers.adaline(x, w, b)  # no threshold: the error is a real number
    e = d - y
    w, b = layers.lms_step(w, b, x, d, learning_rate=learning_rate)
    rows.append([y, e, *w, b])
    print(f"row {i}  y = {y:6.3f}  e = {e:6.3f}", end="  ")
    print(f"w = ({w[0]:7.4f}, {w[1]:7.4f})  b = {b:7.4f}")

# The rule is gradient descent on half the squared error of one sample.
x, d = xs[1], ds[1]
slope_w, slope_b = jax.grad(
    lambda w, b: losses.l2_loss(layers.adaline(x, w, b), d), argnums=(0, 1)
)(w, b)
step_w, step_b = layers.lms_step(w, b, x, d, learning_rate=learning_rate)
np.testing.assert_allclose(step_w, w - learning_rate * slope_w, rtol=1e-6)
np.testing.assert_allclose(step_b, b - learning_rate * slope_b, rtol=1e-6)


# Until it settles: 200 epochs, in one compiled loop.
@jax.jit
def train(w, b):
    def one_sample(params, sample):
        return layers.lms_step(*params, *sample, learning_rate=0.01), None

    def one_epoch(params, _):
        return lax.scan(one_sample, params, (xs, ds))[0], None

    return lax.scan(one_epoch, (w, b), length=200)[0]


w, b = train(w, b)
print("settled at  w =", w, " b =", b)

exact = [
    [0.0, 1.0, 0.3, -0.2, 0.2],
    [0.7, -1.7, 0.13, -0.03, 0.03],
    [-0.13, -0.87, 0.217, -0.117, -0.057],
    [-0.157, -0.843, 0.3013, -0.0327, -0.1413],
]
np.testing.assert_allclose(np.array(rows), exact, atol=1e-6)
np.testing.assert_allclose(w, [0.5, 0.5], atol=0.02)
np.testing.assert_allclose(b, -0.5, atol=0.02)
assert (jnp.sign(layers.adaline(xs, w, b)) == ds).all()  # and AND is learned
