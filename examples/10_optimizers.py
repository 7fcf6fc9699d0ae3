"""Six optimizers on one surface, and the conventions that hide behind their names.

You should get: all six in the valley's bottom after 200 steps; momentum equal in both
conventions at a constant rate and different under a schedule; Adam keeping its step
under a constant gradient where Adagrad's shrinks as 1/√t.
"""

import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
from jax import lax

from assay import optim, plots

picture = (
    Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "optimizers.png"
)
steps = 200
start = jnp.array([-1.8, 1.2])


def surface(p):
    """A valley twenty times as steep across as along. p: (2,)"""
    return 0.5 * (p[0] ** 2 + 20 * p[1] ** 2)


def walk(tx, gradient, start, steps):
    """Every point, (steps + 1, ...), on the way downhill."""

    def step(carry, _):
        p, state = carry
        updates, state = tx.update(gradient(p), state, p)
        p = optim.apply_updates(p, updates)
        return (p, state), p

    path = lax.scan(step, (start, tx.init(start)), length=steps)[1]
    return jnp.concatenate([start[None], path])


optimizers = {
    "sgd": optim.sgd(0.05),
    "momentum": optim.sgd(0.02, momentum=0.9),
    "nesterov": optim.sgd(0.02, momentum=0.9, nesterov=True),
    "adagrad": optim.adagrad(0.5),
    "rmsprop": optim.rmsprop(0.02),
    "adam": optim.adam(0.1),
}
paths = {n: walk(tx, jax.grad(surface), start, steps) for n, tx in optimizers.items()}
print("                 height after 10, 50 and 200 steps")
for name, path in paths.items():
    heights = [float(surface(path[i])) for i in (10, 50, steps)]
    print(f"{name:10s}" + "".join(f"{h:14.2e}" for h in heights))

# Where does the learning rate of momentum go? The lecture has it inside the velocity,
# v = βv + ηg, w = w - v; Optax and torch outside, v = βv + g, w = w - ηv. At a constant
# rate that is one and the same; when the rate drops, the old velocity keeps its old
# rate only in the lecture's. Both are here, by name.
drop = optim.piecewise_constant_schedule(0.1, {5: 0.1})  # 0.1, from step 5 on 0.01
at = jnp.zeros(())
inside = walk(optim.momentum(0.1), jnp.ones_like, at, 10)  # a constant gradient of 1
outside = walk(optim.sgd(0.1, momentum=0.9), jnp.ones_like, at, 10)
inside_drop = walk(optim.momentum(drop), jnp.ones_like, at, 10)
outside_drop = walk(optim.sgd(drop, momentum=0.9), jnp.ones_like, at, 10)
print(f"momentum, constant rate: {inside[-1]:.4f} inside, {outside[-1]:.4f} outside")
print(f"   dropping: {inside_drop[-1]:.4f} inside, {outside_drop[-1]:.4f} outside")

# Adagrad divides by √(Σg² + ε). The lecture sums from 0, Optax and Keras from 0.1.
lecture = walk(optim.adagrad(0.1, initial_accumulator_value=0.0), jnp.ones_like, at, 9)
optax_like = walk(optim.adagrad(0.1), jnp.ones_like, at, 9)
print(f"adagrad's first step: {-lecture[1]:.4f} from 0, {-optax_like[1]:.4f} from 0.1")

# Adam: "momentum and RMSprop" in one lecture, "Adagrad + momentum" in another. The
# running average separates them: Adagrad's sum only grows, so its steps only shrink.
adam = walk(optim.adam(0.1), jnp.ones_like, at, 9)
adam_steps, adagrad_steps = -jnp.diff(adam), -jnp.diff(lecture)
print(f"steps 1 and 9: adam {adam_steps[0]:.4f} {adam_steps[-1]:.4f}", end="   ")
print(f"adagrad {adagrad_steps[0]:.4f} {adagrad_steps[-1]:.4f}")

try:
    bounds = (-2.2, 1.2, -1.6, 1.6)
    print("picture:", plots.surface_paths(picture, surface, paths, bounds=bounds))
except ModuleNotFoundError as missing:
    print(missing)

for name, path in paths.items():
    assert surface(path[-1]) < 1e-2, name
assert jnp.allclose(inside, outside, rtol=1e-5)
assert abs(inside_drop[-1] - outside_drop[-1]) > 0.1
assert abs(lecture[1] + 0.1) < 1e-6 and abs(optax_like[1] + 0.1 / 1.1**0.5) < 1e-6
assert jnp.allclose(adam_steps, 0.1, rtol=1e-4)
assert jnp.allclose(adagrad_steps, 0.1 / jnp.sqrt(jnp.arange(1.0, 10.0)), rtol=1e-4)
