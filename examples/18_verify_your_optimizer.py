"""Write your own optimizer, and have it judged step by step against Optax's.

You should get: "matches the reference" for a correct Adam, and for one with eps inside
the square root, or a count that is off by one, the step and the leaf where it first
goes another way, and a sentence that says what is different.
"""

import jax
import jax.numpy as jnp

from assay import optim, verify


def my_adam(learning_rate, b1=0.9, b2=0.999, eps=1e-8, first=1, inside=False):
    """Adam from the paper; `first` and `inside` are there to get it wrong on purpose.

    m = b₁m + (1-b₁)g, v = b₂v + (1-b₂)g², w = w - η m̂ / (√v̂ + ε): the hats divide by
    1 - bᵗ with t = 1 at the first step, and ε stands outside the root.
    """

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return {"t": jnp.zeros((), jnp.int32), "m": zeros, "v": zeros}

    def update(grads, state, params=None):
        t = state["t"] + 1
        m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state["m"], grads)
        v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g**2, state["v"], grads)

        def step(m, v):
            power = (t - 1 + first).astype(m.dtype)
            m_hat, v_hat = m / (1 - b1**power), v / (1 - b2**power)
            root = jnp.sqrt(v_hat + eps) if inside else jnp.sqrt(v_hat) + eps
            return -learning_rate * m_hat / root

        return jax.tree.map(step, m, v), {"t": t, "m": m, "v": v}

    return optim.Transform(init, update)


# Any (init, update) pair, against any other; Optax's are called by their name.
reference = verify.named_transform("optax:adam", 1e-3)

report = verify.optimizer(my_adam(1e-3), reference)
print(report)
report.check()  # in a test this line is enough: it raises AssertionError otherwise

# The classics of getting it wrong. The report says where, and on request why.
for name, wrong in {
    "count off by one": my_adam(1e-3, first=2),
    "no momentum": my_adam(1e-3, b1=0.0),
}.items():
    verdict = verify.optimizer(wrong, reference, diagnose=False)
    print(f"{name}: {verdict.sentence}")
    assert not verdict.matches and verdict.first is not None

verdict = verify.optimizer(my_adam(1e-3, inside=True), reference)
print(f"eps inside the root: {verdict.sentence}")
assert "eps" in verdict.diagnosis and "square root" in verdict.diagnosis

# The other way round: assay's own optimizers, judged by the same instrument.
mine = verify.named_transform("lion", 1e-2)
verdict = verify.optimizer(mine, verify.named_transform("optax:lion", 1e-2))
print(f"lion: {verdict.sentence}")
verdict.check()

assert report.matches
