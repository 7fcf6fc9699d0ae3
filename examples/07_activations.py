"""Every activation of the lectures: its values, its steepest slope, its dead zone.

You should get: ReLU(-3) = 0 and ReLU(5) = 5 as the lecture has it, a sigmoid that is
nowhere steeper than 1/4 (the reason for vanishing gradients), a softmax that sums to 1.
"""

import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp

from assay import activations, plots

picture = (
    Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "activations.png"
)
x = jnp.linspace(-6, 6, 1201)  # (1201,)
at = jnp.array([-3.0, -1.0, 0.0, 1.0, 5.0])  # (5,)

curves = {
    "linear": activations.linear,
    "step": activations.step,
    "sigmoid": activations.sigmoid,  # 1/(1 + e⁻ˣ): the printed 1/1+e-z needs brackets
    "tanh": activations.tanh,
    "relu": activations.relu,
    "leaky_relu": activations.leaky_relu,  # slope 0.01 below zero
    "prelu": lambda x: activations.prelu(x, jnp.array(0.25)),  # a slope to be learned
    "swish": activations.swish,
}

print("            x = " + "".join(f"{v:9.0f}" for v in at) + "   steepest   flattest")
steepest = {}
for name, f in curves.items():
    slope = jax.vmap(jax.grad(f))(x)  # (1201,)
    steepest[name] = float(slope.max())
    values = "".join(f"{v:9.4f}" for v in f(at))
    print(f"{name:14s}  {values} {slope.max():9.4f} {slope.min():10.4f}")
print("flattest 0: the unit can die; negative: the function turns back (swish)")

# The sigmoid has a value between 0 and 1 and a slope of at most 1/4. Ten layers of it
# multiply the gradient by at most (1/4)^10; ten layers of ReLU by 1. See example 11.
print(
    f"(1/4)^10 = {steepest['sigmoid'] ** 10:.1e}   1^10 = {steepest['relu'] ** 10:.0f}"
)

# PReLU's slope is a parameter like any other: fit |x| by a slope of -1.
slope = jnp.array(0.25)
for _ in range(50):
    error = lambda a: ((activations.prelu(at, a) - abs(at)) ** 2).mean()  # noqa: E731
    slope = slope - 0.1 * jax.grad(error)(slope)
print(f"PReLU learned the slope {slope:.4f} of |x|")

# Softmax: scores into shares. A constant added to every score changes nothing, and
# scores of a thousand do not overflow.
scores = jnp.array([2.0, 1.0, 0.1])
shares = activations.softmax(scores)  # (3,)
print("softmax", shares, "sum", shares.sum())

# The lecture's L0 writes leaky ReLU as max(0.01 z, z): the same function.
as_max = jnp.maximum(0.01 * x, x)

try:
    drawn = {name: f(x) for name, f in curves.items() if name != "linear"}
    print("picture:", plots.line(picture, drawn, x=x, labels=("x", "activation")))
except ModuleNotFoundError as missing:
    print(missing)

assert activations.relu(jnp.array([-3.0, 5.0])).tolist() == [0, 5]
assert abs(steepest["sigmoid"] - 0.25) < 1e-6 and abs(steepest["tanh"] - 1) < 1e-6
assert steepest["relu"] == steepest["leaky_relu"] == 1 and steepest["step"] == 0
assert steepest["swish"] > 1  # and it is not monotonic: its lowest point is
assert abs(activations.swish(x).min() + 0.2784645) < 1e-5  # at x = -1.278
assert jnp.allclose(activations.leaky_relu(x), as_max)
assert abs(slope + 1) < 1e-3
assert abs(shares.sum() - 1) < 1e-6
assert jnp.allclose(shares, activations.softmax(scores + 1000), atol=1e-4)
