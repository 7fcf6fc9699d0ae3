"""The ways to compute a convolution, with one signature, and which one runs where.

Every form has ``value(w, x, kernel, bias) -> y`` and ``pull(w, x, kernel, bias, g) ->
cotangents`` with x (n, *spatial, c), kernel (*window, c / groups, o) and `w` the
window. XLA's own convolution is the definition, and runs on GPU and TPU with its own
gradients. On CPU it is slow for few channels, for groups, as a 1×1, and three to
fourteen times slower still inside `lax.scan`, so `_choose` picks another form there.
"""

from collections.abc import Callable
from functools import cache, partial

from jax import lax

from assay import _geometry
from assay.autodiff import with_backward
from assay.layers._conv_forms._columns import COLUMNS
from assay.layers._conv_forms._groups import GROUPS, GROUPS_OF_COLUMNS
from assay.layers._conv_forms._lax import LAX
from assay.layers._conv_forms._matmul import MATMUL
from assay.layers._conv_forms._shared import Form
from assay.layers._conv_forms._taps import TAPS


@cache  # one function a window, so that eager calls compile once
def convolution(w: _geometry.Window, groups: int) -> Callable:
    """(x, kernel, bias) -> y with a gradient as fast as the value."""
    plain = partial(LAX.value, w)

    def forward(x, kernel, bias):
        form = _choose(w, groups, x.shape, kernel.shape)
        args = (x, kernel, bias)
        if form is LAX:
            return plain(*args), ()
        cpu = partial(form.value, w)
        return lax.platform_dependent(*args, cpu=cpu, default=plain), ()

    def backward(args, _, g):
        x, kernel, bias = args
        form = _choose(w, groups, x.shape, kernel.shape)
        if form is LAX:
            return LAX.pull(w, x, kernel, bias, g)
        default, cpu = partial(LAX.pull, w), partial(form.pull, w)
        return lax.platform_dependent(x, kernel, bias, g, cpu=cpu, default=default)

    return with_backward(plain, forward, backward)


def _choose(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> Form:
    """The form for a CPU, measured on 2 cores with AVX-512."""
    c, o = x_shape[-1], kernel_shape[-1]
    if 0 in x_shape:
        return LAX  # nothing to compute
    if groups == c > 1 and w.taps() <= 64:
        return TAPS
    if groups > 1:
        one = (*x_shape[:-1], c // groups), (*kernel_shape[:-1], o // groups)
        few = _choose(w, 1, *one) is COLUMNS
        return LAX if groups > 32 else GROUPS_OF_COLUMNS if few else GROUPS
    if w.taps() == 1 and not any(map(any, w.pads)):
        return MATMUL
    outputs = _geometry.output_sizes("conv", x_shape[1:-1], w)
    columns = x_shape[0] * w.taps() * c
    for n in outputs:
        columns *= n
    # Few channels: LeNet's layers are 1.5 to 3.5 times faster, 64 channels 2 to 4
    # times slower. Beyond 64 MiB of columns the memory is what costs.
    few, still = c <= 16 and o <= 32, all(s == 1 for s in w.strides)
    return COLUMNS if few and still and columns <= 2**24 else LAX
