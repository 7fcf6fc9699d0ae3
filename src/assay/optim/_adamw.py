"""AdamW and NAdamW: Adam, and beside its step a decay of the weights."""

from collections.abc import Callable

from assay.optim import _arithmetic as arithmetic
from assay.optim._adam import scale_by_adam
from assay.optim._decay import add_decayed_weights
from assay.optim._nadam import nadam_rule
from assay.optim._transform import Transform, chain, scale_by_learning_rate
from assay.typing import DType, PyTree, Scalar, ScalarOrSchedule


def adamw(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: PyTree | Callable | None = None,
    *,
    nesterov: bool = False,
    nu_dtype: DType = None,
    eps_hat: bool = False,
    decay_scaled: bool = True,
) -> Transform:
    """u = −learning_rate · (a + weight_decay · p), a as `scale_by_adam` has it.

    Rate and decay are numbers or schedules, and libraries differ in how they meet:

    - times the rate, Optax, torch, Keras: adamw(lr, weight_decay=wd), as above;
    - without it, decay_scaled=False: u = −learning_rate · a − weight_decay · p;
    - the paper, times the schedule η but not the base rate α: the second with
      learning_rate = α η and weight_decay = λ η, so that u = −η (α a + λ p).

    >>> import jax.numpy as jnp
    >>> w = jnp.array([2.0, -2.0])
    >>> for tx in adamw(0.1, weight_decay=0.5), adamw(
    ...     0.1, weight_decay=0.5, decay_scaled=False
    ... ):
    ...     [round(u, 6) for u in tx.update(jnp.zeros(2), tx.init(w), w)[0].tolist()]
    [-0.1, 0.1]
    [-1.0, 1.0]

    Loshchilov and Hutter 2019, arXiv:1711.05101.
    """
    flags = {"nesterov": nesterov, "nu_dtype": nu_dtype, "eps_hat": eps_hat}
    rule = scale_by_adam(b1, b2, eps, eps_root, mu_dtype, **flags)
    return _decayed(rule, learning_rate, weight_decay, mask, decay_scaled)


def nadamw(
    learning_rate: ScalarOrSchedule,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    eps_root: Scalar = 0.0,
    mu_dtype: DType = None,
    weight_decay: ScalarOrSchedule = 1e-4,
    mask: PyTree | Callable | None = None,
    *,
    nesterov: bool = True,
    momentum_decay: Scalar | None = None,
    decay_scaled: bool = True,
) -> Transform:
    """`adamw` with the step of `nadam`: u = −learning_rate · (a + weight_decay · p).

    >>> import jax.numpy as jnp
    >>> tx = nadamw(0.1, weight_decay=0.5)
    >>> w = jnp.array([2.0, -2.0])
    >>> [round(u, 6) for u in tx.update(jnp.zeros(2), tx.init(w), w)[0].tolist()]
    [-0.1, 0.1]
    """
    rule = nadam_rule(b1, b2, eps, eps_root, mu_dtype, nesterov, momentum_decay)
    return _decayed(rule, learning_rate, weight_decay, mask, decay_scaled)


def _decayed(rule, learning_rate, weight_decay, mask, decay_scaled):
    """The rule, then decay and rate; or the rate, then −weight_decay · p beside it."""
    rate = scale_by_learning_rate(learning_rate)
    if decay_scaled:
        return chain(rule, add_decayed_weights(weight_decay, mask), rate)
    return chain(rule, rate, add_decayed_weights(_negative(weight_decay), mask))


def _negative(weight_decay: ScalarOrSchedule) -> ScalarOrSchedule:
    """−weight_decay, of a number or of a schedule."""
    if callable(weight_decay):
        return lambda count: -arithmetic.number(weight_decay(count))
    return -arithmetic.number(weight_decay)
