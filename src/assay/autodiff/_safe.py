"""Functions outside whose domain the derivative is a number too."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check
from assay.typing import Array, Bool, Float, Num, Scalar


def safe_where(
    cond: Bool[Array, "*shape"], f: Callable, g: Callable, x: Num[Array, "*shape"]
) -> Num[Array, "*shape"]:
    """f(x) where `cond`, g(x) elsewhere, and so are the derivatives of every order.

    `f` and `g` are functions of one number, and each may be NaN or infinite where the
    other is chosen: ``jnp.where(cond, f(x), g(x))`` has the gradient 0 · ∞ = NaN there.

    >>> x = jnp.array([-1.0, 0.0, 4.0])
    >>> root = lambda x: safe_where(x > 0, jnp.sqrt, jnp.zeros_like, x)
    >>> root(x).tolist(), jax.grad(lambda x: root(x).sum())(x).tolist()
    ([0.0, 0.0, 2.0], [0.0, 0.0, 0.25])
    """
    cond, x = jnp.asarray(cond), jnp.asarray(x)
    _check.same_shape("safe_where", cond=cond, x=x)
    one = jax.ShapeDtypeStruct((), x.dtype)
    kinds = [jax.eval_shape(h, one).dtype for h in (f, g)]
    with jax.numpy_dtype_promotion("standard"):  # a branch may be the integer 0
        dtype = jnp.result_type(*kinds)

    def choose(c, v):
        # A branch of `cond` gets no cotangent at all where the other one is taken:
        # under vmap JAX selects among the results of the branches, backward as well.
        return jax.lax.cond(c, _as(f, dtype), _as(g, dtype), v)

    for _ in range(x.ndim):
        choose = jax.vmap(choose)
    return choose(cond, x)


def _as(f: Callable, dtype: Any) -> Callable:
    return lambda v: jnp.asarray(f(v), dtype)


def safe_log(
    x: Float[Array, "*shape"], *, fill: Scalar = 0.0
) -> Float[Array, "*shape"]:
    """log x where x > 0; `fill`, with the derivative 0, elsewhere. NaN stays NaN.

    >>> safe_log(jnp.array([0.0, 1.0]), fill=-100.0).tolist()
    [-100.0, 0.0]
    >>> jax.grad(safe_log)(0.0).item()
    0.0
    """
    outside = jnp.asarray(x) <= 0
    return _filled(outside, jnp.log(_inside(outside, x)), fill)


def safe_sqrt(
    x: Float[Array, "*shape"], *, fill: Scalar = 0.0
) -> Float[Array, "*shape"]:
    """√x where x > 0; `fill`, with the derivative 0, elsewhere. NaN stays NaN.

    >>> safe_sqrt(jnp.array([-1.0, 0.0, 4.0])).tolist()
    [0.0, 0.0, 2.0]
    >>> jax.grad(safe_sqrt)(0.0).item()
    0.0
    """
    outside = jnp.asarray(x) <= 0
    return _filled(outside, jnp.sqrt(_inside(outside, x)), fill)


def safe_div(
    x: Float[Array, "*shape"], y: Float[Array, "*shape"], *, fill: Scalar = 0.0
) -> Float[Array, "*shape"]:
    """x / y where y ≠ 0; `fill`, with the derivatives 0, elsewhere.

    >>> safe_div(jnp.array([1.0, 0.0, 3.0]), jnp.array([0.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 1.5]
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    _check.same_shape("safe_div", x=x, y=y)
    outside = y == 0
    return _filled(outside, x / _inside(outside, y), fill)


def safe_pow(
    x: Float[Array, "*shape"], y: Float[Array, "*shape"] | float
) -> Float[Array, "*shape"]:
    """xʸ where it is a finite real number or too large for one; 0 elsewhere.

    Elsewhere is 0 to a negative power, and a negative number to a fraction. The
    derivatives are 0 wherever they do not exist: that of √x at 0, that by y at x ≤ 0.

    >>> safe_pow(jnp.array([-2.0, 0.0, 0.0, 4.0]), jnp.array([3, -1, 0, 0.5])).tolist()
    [-8.0, 0.0, 1.0, 2.0]
    >>> jax.grad(safe_pow)(0.0, 0.5).item(), jax.grad(safe_pow)(0.0, 1.0).item()
    (0.0, 1.0)
    """
    x = jnp.asarray(x)
    return _pow(x, jnp.broadcast_to(jnp.asarray(y, x.dtype), x.shape))


@jax.custom_jvp
def _pow(x, y):
    outside = ((x == 0) & (y < 0)) | ((x < 0) & (y != jnp.round(y)))
    return _filled(outside, _inside(outside, x) ** y, 0)


_pow.defjvps(
    lambda t, _, x, y: t * (y * _pow(x, y - 1)),
    lambda t, z, x, y: t * (_pow(x, y) * safe_log(x)),
)


def _inside(outside: Array, x: Any) -> Array:
    """`x`, and 1 in its place outside the domain: nothing there flows back."""
    x = jnp.asarray(x)
    return jnp.where(outside, jnp.ones_like(x), x)


def _filled(outside: Array, y: Array, fill: Any) -> Array:
    return jnp.where(outside, jnp.asarray(fill, y.dtype), y)
