"""Composition as loops in Python."""

import jax
import numpy as np

from assay.verify.mirrors._given import given, mark, static, tree


def _double(x):
    return x + x


def _square(x):
    return x * x


@mark(source="a loop")
@given(x=(2, 3), fs=static([_double, _square]))
def sequential(x, fs):
    return x if not fs else sequential(fs[0](x), fs[1:])


@mark(source="a loop")
@given(x=(2, 3), fs=static([_double, _square]))
def parallel(x, fs):
    return _double(x), _square(x)


def _layers(rng):
    return {"w": rng.standard_normal((3, 2, 5)), "b": rng.standard_normal((3, 2, 5))}


def _layer(x, p):
    return x + p["w"] * x * x + p["b"]


@mark(source="a loop", batch=False, why="weights as wide as x")
@given(layer=static(_layer), params=tree(_layers), x=(2, 5))
@given(layer=static(_layer), params=tree(_layers), x=(2, 5), remat=static(True))
@given(layer=static(_layer), params=tree(_layers), x=(2, 5), unroll=static(2))
@given(layer=static(_layer), params=tree(_layers), x=(2, 5), unroll=static(True))
def stack(layer, params, x, remat=False, unroll=1):
    del remat, unroll
    for w, b in zip(params["w"], params["b"], strict=True):
        x = x + w * x * x + b
    return x


def _cell(params, carry, x):
    carry = carry + params * x
    return carry, x + carry * carry


@mark(source="a loop", batch=False, why="weights as wide as x")
@given(cell=static(_cell), params=(3, 2, 5), carry=(3, 2, 5), x=(2, 5))
def stack_cells(cell, params, carry, x):
    after = []
    for w, h in zip(params, carry, strict=True):
        after.append(h + w * x)
        x = x + after[-1] ** 2
    return np.stack(after), x


@mark(source="NumPy stack")
@given(params=tree(lambda rng: [{"w": w} for w in rng.standard_normal((3, 2, 5))]))
def stack_params(params):
    return {"w": np.stack([p["w"] for p in params])}


@mark(source="NumPy indexing")
@given(params=tree(_layers))
def unstack_params(params):
    return [jax.tree.map(lambda leaf, i=i: leaf[i], params) for i in range(3)]
