"""The value of one function with the derivatives of another."""

from collections.abc import Callable
from functools import wraps

import jax

from assay import _check


def straight_through(hard: Callable, soft: Callable = lambda x: x) -> Callable:
    """f(*args) = hard(*args), differentiated as soft(*args), to every order.

    The straight-through estimator: `hard` rounds or fires and has no useful slope,
    `soft` (by default nothing at all: slope 1) lends its own, in forward and in
    reverse mode, to Hessians and in each argument. The value is exactly that of
    `hard`, which soft(x) + stop_gradient(hard(x) − soft(x)) has to rounding only.
    Make f once (at the top of a module), not anew at every call.

    >>> rounded = straight_through(jax.numpy.round)
    >>> rounded(1.7).item(), jax.grad(rounded)(1.7).item()
    (2.0, 1.0)
    >>> signs = straight_through(jax.numpy.sign, jax.numpy.tanh)
    >>> signs(0.0).item(), jax.grad(signs)(0.0).item()
    (0.0, 1.0)

    Bengio et al. 2013, arXiv:1308.3432.
    """

    @jax.custom_jvp
    def both(*args):
        return hard(*args)

    @both.defjvp
    def _(args, tangents):
        y, (like, dy) = both(*args), jax.jvp(soft, args, tangents)
        _same(y, like)
        return y, dy

    return wraps(hard)(lambda *args: both(*args))


def _same(hard, soft):
    """Both give the same tree of shapes and dtypes."""
    kinds = [jax.tree.map(jax.typeof, y) for y in (hard, soft)]
    if kinds[0] != kinds[1]:
        must = "hard and soft must give the same shapes and dtypes"
        _check.fail("straight_through", must, f"{kinds[0]} and {kinds[1]}")
