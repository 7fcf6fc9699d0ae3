"""Adam: the running mean of the gradient over the root of that of its square."""

from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule


class ScaleByAdamState(NamedTuple):
    """The state of `scale_by_adam`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients, like params, >= float32 or mu_dtype
    nu: PyTree  # mean of their squares, like params, >= float32 or nu_dtype


def scale_by_adam(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    *,
    nesterov: bool = False,
    nu_dtype: DType = None,
    eps_hat: bool = False,
) -> Transform:
    """m/(1−b1ᵗ) / (√(v/(1−b2ᵗ) + eps_root) + eps), m and v the means of g and g².

    The corrections never cancel and the betas are never rounded, so that float32 keeps
    within 1e-6 of the rule. `nesterov` looks one step ahead as Dozat 2016 does.
    `eps_hat` adds eps to √v before its correction, as Keras and TensorFlow 1 do:
    eps/√(1−b2ᵗ) in this formula, 31 times as much at the first step.

    >>> tx = scale_by_adam()
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [1.0, -1.0]

    Kingma and Ba 2015, arXiv:1412.6980.
    """
    who = "scale_by_adam"

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0, mu_dtype)
        nu = arithmetic.full_like(who, params, 0.0, nu_dtype)
        return ScaleByAdamState(jnp.zeros([], jnp.int32), mu, nu)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = head = arithmetic.ema(who, updates, state.mu, b1)
        nu = arithmetic.ema_square(who, updates, state.nu, b2)
        c1, c2 = arithmetic.corrections(count, (mu, nu), b1, b2)
        if nesterov:
            head = arithmetic.nesterov_head(who, updates, mu, b1, count, c1)
        leaf = arithmetic.normalized(c1, c2, eps, eps_root, eps_hat)
        new = arithmetic.cast_like((mu, nu), (state.mu, state.nu))
        updates = arithmetic.each(leaf, updates, head, nu)
        return updates, ScaleByAdamState(count, *new)

    return Transform(init, update)


def adam(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    *,
    nesterov: bool = False,
    nu_dtype: DType = None,
    eps_hat: bool = False,
) -> Transform:
    """Adam: `scale_by_adam`, then a step downhill.

    >>> tx = adam(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]
    """
    flags = {"nesterov": nesterov, "nu_dtype": nu_dtype, "eps_hat": eps_hat}
    rule = scale_by_adam(b1, b2, eps, eps_root, mu_dtype, **flags)
    return chain(rule, scale_by_learning_rate(learning_rate))
