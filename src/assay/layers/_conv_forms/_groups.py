"""Groups: as many dense convolutions, each by the same form."""

from functools import partial

import jax.numpy as jnp

from assay import _geometry
from assay.layers._conv_forms import _columns, _lax, _shared


def _parts(x, kernel, bias):
    groups = x.shape[-1] // kernel.shape[-2]
    biases = [None] * groups if bias is None else jnp.split(bias, groups)
    split = partial(jnp.split, indices_or_sections=groups, axis=-1)
    return list(zip(split(x), split(kernel), biases, strict=True))


def _value(form: _shared.Form, w: _geometry.Window, x, kernel, bias):
    parts = _parts(x, kernel, bias)
    return jnp.concatenate([form.value(w, *part) for part in parts], -1)


def _pull(form: _shared.Form, w: _geometry.Window, x, kernel, bias, g):
    parts = _parts(x, kernel, bias)
    cts = jnp.split(g, len(parts), axis=-1)
    pulled = [form.pull(w, *p, ct) for p, ct in zip(parts, cts, strict=True)]
    dx, dkernel, dbias = zip(*pulled, strict=True)
    join = partial(jnp.concatenate, axis=-1)
    return join(dx), join(dkernel), None if bias is None else join(dbias)


def _fits(form: _shared.Form, w: _geometry.Window, groups: int, x_shape, kernel_shape):
    if not 1 < groups <= 32 or groups == x_shape[-1]:
        return False
    x_shape = (*x_shape[:-1], kernel_shape[-2])
    return form.fits(w, 1, x_shape, (*kernel_shape[:-1], kernel_shape[-1] // groups))


def _each(form: _shared.Form) -> _shared.Form:
    return _shared.Form(*(partial(f, form) for f in (_value, _pull, _fits)))


GROUPS, GROUPS_OF_COLUMNS = _each(_lax.LAX), _each(_columns.COLUMNS)
