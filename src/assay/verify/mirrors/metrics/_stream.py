"""How a metric over batches is mirrored: by a function of all the batches at once."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from assay.verify.mirrors._given import mark


def streamed(make: Callable = lambda maker: maker()) -> Callable:
    """Decorate the reference of what `make(maker)` computes over four batches.

    The cases are arrays whose rows are the examples, their number a multiple of four;
    `where` is the mask.
    """

    def decorate(reference: Callable) -> Callable:
        @functools.wraps(reference)
        def mirror(maker, **rows):
            expected = {n: np.asarray(a) for n, a in rows.items()}
            expected = {
                n: a.astype(float) if a.dtype.kind == "f" else a
                for n, a in expected.items()
            }
            return over_batches(make(maker), rows), reference(**expected)

        return mark(property=True, higher_order=True, make=make)(mirror)

    return decorate


def over_batches(metric, rows: dict):
    """Two batches into one state, two into another, and those states merged."""

    def cut(a):
        return jnp.asarray(a).reshape(2, 2, len(a) // 4, *a.shape[1:])

    @jax.jit
    def run(where, *batch):
        def half(where, batch):
            def body(state, step):
                mask, arrays = step
                return metric.update(state, *arrays, where=mask), None

            return jax.lax.scan(body, metric.init(), (where, batch))[0]

        early, late = (half(where[i], [a[i] for a in batch]) for i in (0, 1))
        return metric.compute(metric.merge(late, early))

    batch = [cut(a) for name, a in rows.items() if name != "where"]
    everything = jnp.ones(len(next(iter(rows.values()))), bool)
    return run(cut(rows.get("where", everything)), *batch)
