"""The helpers for those who write an optimizer, beside Optax's and NumPy."""

import jax.numpy as jnp
import numpy as np
import optax

from assay.verify.mirrors._given import Draw, given, mark, normal, static, tree
from assay.verify.mirrors.optim._pairs import noise as _noise

# Helpers for those who write an optimizer ----------------------------------------


def _moment_in_numpy(updates, moments, decay, order):
    return [
        decay * m + (1 - decay) * g**order
        for g, m in zip(updates, moments, strict=True)
    ]


def _largest_in_numpy(updates, moments, decay, eps):
    pairs = zip(updates, moments, strict=True)
    return [np.maximum(np.abs(g) + eps, decay * m) for g, m in pairs]


MOMENTS = {"updates": tree(_noise), "moments": tree(_noise), "decay": static(0.9)}


def _moment(name):
    """Optax's own, at three orders."""

    def mirror(updates, moments, decay, order):
        return getattr(optax, name)(updates, moments, decay, order)

    for order in (1, 2, 3):
        mirror = given(**MOMENTS, order=static(order))(mirror)
    # g² − m cancels where they are near: in ULP of the row.
    facts = {"source": "optax", "second": _moment_in_numpy, "rows": True}
    return mark(**facts)(mirror)


update_moment = _moment("update_moment")
update_moment_per_elem_norm = _moment("update_moment_per_elem_norm")


@mark(source="optax", second=_largest_in_numpy)
@given(**MOMENTS, eps=static(0.01))
def update_infinity_moment(updates, moments, decay, eps):
    """Optax's own."""
    return optax.update_infinity_moment(updates, moments, decay, eps)


def _count(*shape, high=9):
    return Draw(lambda rng: rng.integers(1, high, shape), differentiable=False)


def _corrected_in_numpy(moment, decay, count):
    return [m / (1 - decay ** float(count)) for m in moment]


@mark(source="optax", second=_corrected_in_numpy)
@given(moment=tree(_noise), decay=static(0.999), count=_count())
def bias_correction(moment, decay, count):
    """Optax's own."""
    return optax.bias_correction(moment, decay, count)


def _incremented(count):
    return np.minimum(np.asarray(count, np.int64) + 1, 2**31 - 1)


def _counter(name):
    """Small counts, and the largest: Optax's stays there in the dtype of ours only."""

    def mirror(count):
        return getattr(optax, name)(jnp.asarray(count, jnp.int32))

    mirror = given(count=_count())(mirror)
    last = Draw(lambda rng: np.array(2**31 - 1), differentiable=False)
    return mark(source="optax", second=_incremented)(given(count=last)(mirror))


safe_increment = _counter("safe_increment")
safe_int32_increment = _counter("safe_int32_increment")


@mark(source="optax", second=lambda x, min_norm, **how: np.linalg.norm(x, **how))
@given(x=normal(4), min_norm=static(0.1))
@given(x=normal(3, 4), min_norm=static(0.0), axis=static(-1), keepdims=static(True))
@given(x=normal(3, 4), min_norm=static(0.0), ord=static(1), axis=static(0))
def safe_norm(x, min_norm, **how):
    """Optax's own."""
    return optax.safe_norm(x, min_norm, **how)


@mark(
    source="optax",
    second=lambda x, min_rms: np.maximum(np.sqrt(np.mean(x**2)), min_rms),
)
@given(x=normal(3, 4), min_rms=static(0.1))
@given(x=normal(3, 4), min_rms=static(7.0))
def safe_root_mean_squares(x, min_rms):
    """Optax's own."""
    return optax.safe_root_mean_squares(x, min_rms)
