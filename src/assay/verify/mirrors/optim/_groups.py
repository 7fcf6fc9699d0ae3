"""Groups by path and numbers held in the state, beside what is known of them."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from assay.verify.mirrors._given import mark
from assay.verify.mirrors.optim._pairs import numpy_pair as _numpy
from assay.verify.mirrors.optim._walks import rate as _rate
from assay.verify.mirrors.optim._walks import transform, walk
from assay.verify.rules import _rule
from assay.verify.rules import sgd as _sgd


def _layered(library: Any, decay: Any, layers: Any) -> Any:
    """The dense layer's two leaves as two layers; the kernel's rows, if it says so."""
    below = 3 if len(layers[1]) == 2 else 1
    power = np.arange(2, -1, -1).reshape(3, 1) if below == 3 else 0
    factors = {"bias": decay**below, "kernel": decay**power}
    return library(lambda g: {n: g[n] * factors[n] for n in g})


layerwise_decay = transform(
    partial(_layered, lambda f: optax.stateless(lambda g, p: f(g))),
    {"decay": 0.7, "layers": ["bias", "kernel"]},
    {"decay": 0.7, "layers": ["bias", ("kernel", 3)]},
    second=partial(_layered, lambda f: _numpy(lambda t, g, s, p: (f(g), s))),
    source="optax",
)

NAMES = {
    "embed": {"embedding": np.ones((5, 2))},
    "blocks": {"norm": {"scale": np.ones((3, 2))}, "mlp": [np.ones(2), np.ones(3)]},
}
NAMES["blocks"]["dense"] = {"kernel": np.ones((3, 2, 2)), "bias": np.ones((3, 2))}
BY_HAND = {"property": True, "higher_order": True, "source": "by hand"}


def _by_name(name):
    return lambda: np.array([name in n for n in _leaf_names(NAMES)])


def _leaf_names(t, path=""):
    """The paths, by a walk of our own."""
    if isinstance(t, dict):
        return [n for k in sorted(t) for n in _leaf_names(t[k], f"{path}/{k}")]
    if isinstance(t, list):
        return [n for k, x in enumerate(t) for n in _leaf_names(x, f"{path}/{k}")]
    return [path.strip("/")]


@mark(**BY_HAND, second=_by_name("mlp"))
def label_by_path(ours):
    """Leaves in the order of sorted names: bias, kernel, mlp/0, mlp/1, scale, embed."""
    labels = ours({"mlp/.$": 1, "^embed|dense|scale$": 0})(NAMES)
    return np.array(jax.tree.leaves(labels)), np.array([0, 0, 1, 1, 0, 0])


@mark(**BY_HAND, second=lambda: _by_name("kernel")() | _by_name("embed")())
def decay_mask(ours):
    """The kernel and the embedding, not what a norm has, whatever its axes."""
    params = {"embed": NAMES["embed"], "blocks": dict(NAMES["blocks"])}
    mask = ours({**params, "blocks": {**params["blocks"], "mlp": {"b": [0.0, 0.0]}}})
    return np.array(jax.tree.leaves(mask)), np.array([0, 1, 0, 0, 0, 1])


def _sizes():
    """Paths in order, as how many letters, axes and entries each has."""
    leaves = jax.tree.leaves(NAMES)
    return [
        [len(n), x.ndim, x.size]
        for n, x in zip(_leaf_names(NAMES), leaves, strict=True)
    ]


@mark(**BY_HAND, second=_sizes)
def group_table(ours):
    """Paths, shapes and labels."""
    rows = ours(NAMES, True)
    expected = [
        [17, 2, 6],
        [19, 3, 12],
        [12, 1, 2],
        [12, 1, 3],
        [17, 2, 6],
        [15, 2, 10],
    ]
    got = [[len(r.path), len(r.shape), int(np.prod(r.shape))] for r in rows]
    return got, expected


@mark(property=True, higher_order=True, source="jax.grad of what is left")
def stop_gradient(ours):
    """∂/∂w (w² b³) where b is held still, and 0 for b."""
    w, b = jnp.linspace(0.5, 2, 5), jnp.linspace(1, 3, 5)

    def loss(p):
        p = ours(p, {"b": True, "w": False})
        return jnp.sum(p["w"] ** 2 * p["b"] ** 3)

    got = jax.grad(loss)({"b": b, "w": w})
    return got, {"b": jnp.zeros(5), "w": 2 * w * b**3}


stop_gradient = mark(
    second=lambda: {
        "b": np.zeros(5),
        "w": 2 * np.linspace(0.5, 2, 5) * np.linspace(1, 3, 5) ** 3,
    }
)(stop_gradient)

# Numbers in the state -------------------------------------------------------------

HELD = {"learning_rate": _rate, "momentum": 0.875}


@mark(property=True, higher_order=True, source="optax", rows=True, ulp=24)
def inject_hyperparams(ours):
    """Optax's SGD made by either, its rate a schedule."""
    ways = [inject(optax.sgd)(**HELD) for inject in (ours, optax.inject_hyperparams)]
    return walk(ways[0]), walk(ways[1], x64=True)


inject_hyperparams.read = walk
inject_hyperparams = mark(
    second=lambda: _rule.transform(_sgd, _rate, momentum=0.875),
)(inject_hyperparams)


def _two_states():
    """The state of a chain of two, each with a rate in it, one with a momentum."""
    inject = optax.inject_hyperparams
    parts = inject(optax.sgd)(**HELD), inject(optax.scale)(step_size=0.5)
    return optax.chain(*parts).init({"w": np.ones(2, np.float32)})


@mark(**{**BY_HAND, "source": "optax"}, second=lambda: [0.1, 0.875, 0.5])
def hyperparams(ours):
    """What is read from the fields of the two states."""
    state = _two_states()
    got, first, last = ours(state), state[0].hyperparams, state[1].hyperparams
    names = ("learning_rate", "momentum", "step_size")
    return [got[n] for n in names], [*(first[n] for n in names[:2]), last[names[2]]]


@mark(
    **{**BY_HAND, "source": "optax"},
    second=lambda: [0, 0.1, 0.25, 0, np.zeros(2), 0, 0.5],
)
def set_hyperparams(ours):
    """What Optax's own tree.set leaves: another momentum, all else as before."""
    state = _two_states()
    got, theirs = ours(state, momentum=0.25), optax.tree.set(state, momentum=0.25)
    return jax.tree.leaves(got), jax.tree.leaves(theirs)
