"""Where XLA's fusion is to stop."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata

from assay.typing import Array


def unfused(f: Callable[..., Any], *args: Array) -> Any:
    """f(*args), which XLA on CPU fuses neither with what it reads nor with its readers.

    It would fuse a cheap loop into every reader, and compute it anew for each place
    that reads it: a slice of a sum of slices, or a cosine before a broadcast, which
    takes ten times as long. A barrier does not stop that, a call that is not inlined
    does. `f` is a function made once: equal calls are traced once.

    >>> import operator, jax.numpy as jnp
    >>> unfused(operator.neg, jnp.ones(2)).tolist()
    [-1.0, -1.0]
    """
    with set_xla_metadata(inlineable="false"):
        return _call(*args, f=f)


# Not a compilation of its own: inside the caller's `jit` it is a part of the program.
@partial(jax.jit, static_argnames="f")
def _call(*args: Array, f: Callable[..., Any]) -> Any:
    with set_xla_metadata(inlineable="true"):  # what f itself calls
        return f(*args)
