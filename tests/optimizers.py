"""What the tests of optimizers share: ours beside Optax's, parameters and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay import optim

OURS = {
    "sgd": lambda **k: optim.sgd(0.1, **k),
    "momentum": lambda **k: optim.momentum(0.1, **k),
    "nesterov": lambda **k: optim.sgd(0.1, 0.9, nesterov=True, **k),
    "adagrad": lambda **k: optim.adagrad(0.1, **k),
    "rmsprop": lambda **k: optim.rmsprop(0.1, **k),
    "centered": lambda **k: optim.rmsprop(
        0.1, centered=True, momentum=0.9, initial_scale=0.5, bias_correction=True, **k
    ),
    "adam": lambda **k: optim.adam(0.1, **k),
    "nadam": lambda **k: optim.adam(0.1, nesterov=True, **k),
    "clipped": lambda: optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.1)),
    "decayed": lambda: optim.chain(optim.add_decayed_weights(0.1), optim.sgd(0.1)),
    "scheduled": lambda: optim.adam(optim.cosine_decay_schedule(0.1, 20)),
}
THEIRS = {
    "sgd": optax.sgd(0.1),
    "momentum": optax.sgd(0.1, 0.9),
    "nesterov": optax.sgd(0.1, 0.9, nesterov=True),
    "adagrad": optax.adagrad(0.1),
    "rmsprop": optax.rmsprop(0.1),
    "centered": optax.rmsprop(
        0.1, centered=True, momentum=0.9, initial_scale=0.5, bias_correction=True
    ),
    "adam": optax.adam(0.1),
    "nadam": optax.nadam(0.1),
    "clipped": optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1)),
    "decayed": optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1)),
    "scheduled": optax.adam(optax.cosine_decay_schedule(0.1, 20)),
}


def tree(dtype=jnp.float32):
    """Parameters of three ranks."""
    return {
        "a": jnp.linspace(-1, 1, 6).reshape(2, 3).astype(dtype),
        "b": [jnp.linspace(0.5, 2, 4).astype(dtype), jnp.asarray(0.3, dtype)],
    }


def gradients(steps, dtype=np.float32, seed=0):
    """Noise for every leaf, (steps, ...)."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda p: rng.standard_normal((steps, *p.shape)).astype(dtype), tree()
    )


def run(tx, grads, params):
    """All updates, by one scan; Optax needs JAX's default promotion."""

    def body(carry, g):
        params, state = carry
        updates, state = tx.update(g, state, params)
        return (optim.apply_updates(params, updates), state), updates

    with jax.numpy_dtype_promotion("standard"):
        walk = jax.jit(lambda c, g: jax.lax.scan(body, c, g))
        return walk((params, tx.init(params)), grads)


def equal(got, expected, tolerance):
    """Every leaf within `tolerance` of its largest entry."""
    for g, e in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        g, e = np.asarray(g, np.float64), np.asarray(e, np.float64)
        assert np.abs(g - e).max() <= tolerance * np.abs(e).max()
