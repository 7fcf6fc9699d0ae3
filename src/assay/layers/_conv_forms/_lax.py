"""XLA's convolution: the definition."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from assay import _geometry
from assay.layers._conv_forms import _shared


def _value(w: _geometry.Window, x, kernel, bias):
    space = "DHW"[3 - len(w.size) :]
    y = lax.conv_general_dilated(
        x,
        kernel,
        w.strides,
        w.pads,
        rhs_dilation=w.dilation,
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        feature_group_count=x.shape[-1] // kernel.shape[-2],
        precision=lax.Precision.DEFAULT,
    )
    return y if bias is None else y + jnp.broadcast_to(bias, y.shape)


def _pull(w: _geometry.Window, x, kernel, bias, g):
    return jax.vjp(partial(_value, w), x, kernel, bias)[1](g)


LAX = _shared.Form(_value, _pull)
