"""Clipping by unit and by example, and centralizing, beside Optax's."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay.verify.mirrors._given import given, mark, static, tree
from assay.verify.mirrors.optim._walks import leafwise as _leafwise
from assay.verify.mirrors.optim._walks import transform as _transform


def _unit_norms(x, axis=None):
    """The norm of every unit, by the rank as Optax has it."""
    by_rank = {0: None, 1: None, 2: 0, 3: 0, 4: (0, 1, 2), 5: (0, 1, 2, 3)}
    axis = by_rank[np.ndim(x)] if axis is None else axis
    norm = np.sqrt(np.sum(np.square(x), axis, keepdims=True))
    return np.broadcast_to(norm, np.shape(x))


def _adaptive(clipping, eps=1e-3, axis=None):
    def leaf(t, g, p):
        limit = clipping * np.maximum(_unit_norms(p, axis), eps)
        return g * np.minimum(1, limit / np.maximum(_unit_norms(g, axis), 1e-300))

    return _leafwise(leaf)


@mark(second=_unit_norms, source="optax.transforms")
@given(x=(5,))
@given(x=(3, 4))
@given(x=(2, 3, 4))
@given(x=(2, 3, 2, 4))
@given(x=(3, 4), axis=static(1))
def unitwise_norm(x, axis=None):
    """Optax's own."""
    return optax.transforms.unitwise_norm(x, axis)


adaptive_grad_clip = _transform(
    optax.adaptive_grad_clip,
    {"clipping": 0.5},
    {"clipping": 0.1, "eps": 2.0},
    second=_adaptive,
)


def _centralized(output_axis=0):
    def leaf(t, g, p):
        rows = np.moveaxis(g, output_axis, 0) if g.ndim > 1 else g
        if g.ndim > 1:
            flat = rows.reshape(len(rows), -1)
            rows = (flat - flat.mean(1, keepdims=True)).reshape(rows.shape)
        return np.moveaxis(rows, 0, output_axis) if g.ndim > 1 else g

    return _leafwise(leaf)


def _optax_centralize(output_axis=0):
    """Optax's on the transposed kernel where the outputs are last."""
    tx = optax.centralize()
    if output_axis == 0:
        return tx

    def turn(x, there, back):
        return jnp.moveaxis(x, there, back) if x.ndim > 1 else x

    def update(g, state, p=None):
        g = jax.tree.map(lambda x: turn(x, output_axis, 0), g)
        g, state = tx.update(g, state, p)
        return jax.tree.map(lambda x: turn(x, 0, output_axis), g), state

    return optax.GradientTransformation(tx.init, update)


centralize = _transform(_optax_centralize, {}, {"output_axis": -1}, second=_centralized)


def _examples(rng):
    """Gradients of three examples, one of them 0; a layer of four and one of six."""
    made = [rng.standard_normal((3, 4)), rng.standard_normal((3, 2, 3))]
    for g in made:
        g[1] = 0
    return made


def _clip_examples(grads, l2_norm_clip):
    """Example by example, in a loop."""
    total, clipped = [np.zeros(g.shape[1:]) for g in grads], 0
    for i in range(len(grads[0])):
        norm = math.sqrt(sum(float(np.sum(g[i] ** 2)) for g in grads))
        share = 1.0 if norm <= l2_norm_clip else l2_norm_clip / norm
        clipped += norm > l2_norm_clip
        total = [t + share * g[i] for t, g in zip(total, grads, strict=True)]
    return total, np.int32(clipped)


def _clip_layers(grads, global_l2_norm_clip, uniform=True):
    sizes = [g[0].size for g in grads]
    shares = [1 / len(grads) if uniform else n / sum(sizes) for n in sizes]
    done = [
        _clip_examples([g], global_l2_norm_clip * share**0.5)
        for g, share in zip(grads, shares, strict=True)
    ]
    return [t[0] for t, _ in done], [n for _, n in done]


@mark(gradient=False, rows=True, source="optax", second=_clip_examples)
@given(grads=tree(_examples), l2_norm_clip=static(1.5))
@given(grads=tree(_examples), l2_norm_clip=static(100.0))
def per_example_global_norm_clip(grads, l2_norm_clip):
    """Optax's own."""
    return optax.per_example_global_norm_clip(grads, l2_norm_clip)


@mark(gradient=False, rows=True, source="optax", second=_clip_layers)
@given(grads=tree(_examples), global_l2_norm_clip=static(1.5))
@given(grads=tree(_examples), global_l2_norm_clip=static(2.5), uniform=static(False))
def per_example_layer_norm_clip(grads, global_l2_norm_clip, uniform=True):
    """Optax's own."""
    return optax.per_example_layer_norm_clip(grads, global_l2_norm_clip, uniform)
