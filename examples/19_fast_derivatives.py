"""Write a derivative by hand, in any language, and keep all the others.

You should get: `jax.custom_vjp` runs a reverse rule, and then refuses forward mode and
Hessians; `autodiff.with_backward` runs the same rule where a reverse pass is asked
for, and agrees with the plain function in gradient, jvp, Hessian and under vmap.
"""

import jax
import jax.numpy as jnp
import numpy as np

from assay import activations
from assay.autodiff import with_backward

runs = 0  # of the reverse rule


def plain(x):
    """log Σ eˣ: the readable definition."""
    return jnp.log(jnp.sum(jnp.exp(x)))


# The fast halves. NumPy stands here for C, or a kernel: JAX cannot look inside.


def fast_value(x):
    e = np.exp(x - np.max(x))
    return (np.max(x) + np.log(e.sum())).astype(x.dtype), e / e.sum()


def fast_slope(softmax, ct):
    global runs
    runs += 1
    return ct * softmax


def outside(f, like, *args):
    """Call f outside of JAX; its results are like these."""
    return jax.pure_callback(f, like, *args, vmap_method="sequential")


def forward(x):
    """The value, and what the way back needs: the softmax."""
    return outside(fast_value, (jax.ShapeDtypeStruct((), x.dtype), x), x)


def backward(args, softmax, ct):
    """One cotangent an argument: d log Σ eˣ / dx = softmax(x)."""
    return (outside(fast_slope, softmax, softmax, ct),)


# JAX's own way, and ours: the definition beside the two fast halves.
old = jax.custom_vjp(plain)
old.defvjp(forward, lambda softmax, ct: backward((), softmax, ct))
new = with_backward(plain, forward, backward)

x = jnp.array([0.3, -1.2, 2.0, 0.7])
direction = jnp.array([1.0, 0.5, -2.0, 0.25])


def refusal(ask):
    """What JAX says to a question that it refuses, in one line; "" where it answers."""
    try:
        ask()
    except (TypeError, ValueError) as error:
        return str(error).splitlines()[0]
    return ""


questions = {
    "grad": lambda f: jax.grad(f)(x),
    "jvp": lambda f: jax.jvp(f, (x,), (direction,))[1],
    "hessian": lambda f: jax.hessian(f)(x),
    "vmap of hessian": lambda f: jax.vmap(jax.hessian(f))(jnp.stack([x, 2 * x])),
}
refused, ran = {}, {}
print("question         custom_vjp  with_backward  the rule runs")
for name, ask in questions.items():
    refused[name] = refusal(lambda ask=ask: ask(old))
    runs = 0
    np.testing.assert_allclose(jax.block_until_ready(ask(new)), ask(plain), atol=1e-6)
    ran[name] = runs > 0
    print(f"{name:<16} {'refuses' if refused[name] else 'answers':<11} agrees", end="")
    print("         yes" if ran[name] else "         no")
print("\nof jvp custom_vjp says:", refused["jvp"])
print("of the Hessian:", refused["hessian"])

# Newton's method: a fast gradient, and the Hessian from the definition.
goal = activations.softmax(x)
cost = lambda w: new(w) - w @ goal + w @ w / 20  # noqa: E731
w = jnp.zeros(4)
for _ in range(5):
    w = w - jnp.linalg.solve(jax.hessian(cost)(w), jax.grad(cost)(w))
left = float(jnp.abs(jax.grad(cost)(w)).max())
print(f"\nfive steps of Newton's method leave a gradient of {left:.0e}")

assert refused["jvp"] and refused["hessian"] and not refused["grad"]
assert ran["grad"] and ran["hessian"] and not ran["jvp"]
np.testing.assert_allclose(jax.hessian(new)(x), jax.hessian(plain)(x), atol=1e-6)
assert left < 1e-6
