"""AMSGrad: Adam whose second moment never shrinks."""

from typing import NamedTuple

import jax.numpy as jnp

from assay.optim import _arithmetic as arithmetic
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import Array, DType, PyTree, Scalar, ScalarOrSchedule


class ScaleByAmsgradState(NamedTuple):
    """The state of `scale_by_amsgrad`."""

    count: Array  # () int32, updates so far
    mu: PyTree  # mean of the gradients, like params, >= float32 or mu_dtype
    nu: PyTree  # mean of their squares, like params, >= float32 or nu_dtype
    nu_max: PyTree  # its maximum, corrected unless max_before_correction, like nu


def scale_by_amsgrad(
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
    *,
    max_before_correction: bool = False,
    nu_dtype: DType = None,
    eps_hat: bool = False,
) -> Transform:
    """m/(1−b1ᵗ) / (√(max v/(1−b2ᵗ) + eps_root) + eps), the maximum over all steps.

    Optax takes the maximum of the corrected v, so that the first steps, whose v is an
    average of few, reign for long. torch and Keras take that of v and correct it with
    today's 1−b2ᵗ: `max_before_correction`. The paper corrects neither moment.

    >>> tx = scale_by_amsgrad()
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [1.0, -1.0]

    Reddi, Kale and Kumar 2018, arXiv:1904.09237;
    the two maxima: github.com/google-deepmind/optax/issues/1389.
    """
    who = "scale_by_amsgrad"

    def init(params):
        mu = arithmetic.full_like(who, params, 0.0, mu_dtype)
        nu = arithmetic.full_like(who, params, 0.0, nu_dtype)
        top = arithmetic.full_like(who, params, 0.0, nu_dtype)
        return ScaleByAmsgradState(jnp.zeros([], jnp.int32), mu, nu, top)

    def update(updates, state, params=None, **extra):
        del params, extra
        count = arithmetic.increment(state.count)
        mu = arithmetic.ema(who, updates, state.mu, b1)
        nu = arithmetic.ema_square(who, updates, state.nu, b2)
        c1, c2 = arithmetic.corrections(count, (mu, nu), b1, b2)
        c1 = c1 if bias_correction_mu else jnp.ones_like(c1)
        c2 = c2 if bias_correction_nu else jnp.ones_like(c2)
        before, after = c2, jnp.ones_like(c2)
        if max_before_correction:
            before, after = after, before

        def highest(g, top, v):
            return jnp.maximum(top, v / before.astype(v.dtype))

        top = arithmetic.accumulate(who, highest, updates, state.nu_max, nu)
        e = arithmetic.like(arithmetic.number(eps), c2)
        e = e / jnp.sqrt(c2) if eps_hat else e
        leaf = arithmetic.normalized(c1, after, e, eps_root)
        new = arithmetic.cast_like((mu, nu, top), state[1:])
        return arithmetic.each(leaf, updates, mu, top), ScaleByAmsgradState(count, *new)

    return Transform(init, update)


def amsgrad(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
    *,
    max_before_correction: bool = False,
    nu_dtype: DType = None,
    eps_hat: bool = False,
) -> Transform:
    """AMSGrad: `scale_by_amsgrad`, then a step downhill.

    >>> tx = amsgrad(0.1)
    >>> g = jnp.array([0.5, -2.0])
    >>> [round(u, 6) for u in tx.update(g, tx.init(g))[0].tolist()]
    [-0.1, 0.1]
    """
    flags = {"bias_correction_mu": bias_correction_mu, "nu_dtype": nu_dtype}
    flags |= {"bias_correction_nu": bias_correction_nu, "eps_hat": eps_hat}
    flags |= {"max_before_correction": max_before_correction}
    rule = scale_by_amsgrad(b1, b2, eps, eps_root, mu_dtype, **flags)
    return chain(rule, scale_by_learning_rate(learning_rate))
