"""Many draws of one function, and the results that are possible."""

import jax
import numpy as np

from assay.verify.mirrors._given import Draw

DRAWS = 512
a_key = Draw(lambda _: np.array([0, 3], np.uint32), differentiable=False)


def many(ours, key, *args, draws=DRAWS, **kwargs):
    """The function's results for many keys."""
    keys = jax.random.split(key, draws)
    got = jax.jit(jax.vmap(lambda key: ours(*args, key=key, **kwargs)))(keys)
    return jax.tree.map(np.asarray, got)


def among(got, possible):
    """(got and the share seen, the nearest possible results and 1)."""
    possible = np.stack([np.asarray(p) for p in possible])
    axes = tuple(range(2, got.ndim + 1))
    nearest = np.abs(got[:, None] - possible[None]).sum(axes).argmin(1)
    seen = len(set(nearest.tolist())) / len(possible)
    expected = possible[nearest]
    return np.append(got, seen), np.append(expected, 1.0)


def pixels(*shape):
    """An image in [0, 1], all of its numbers different, black and white among them."""

    def make(rng):
        x = rng.permutation(int(np.prod(shape))) / (np.prod(shape) - 1)
        return x.reshape(shape)

    return Draw(make)
