"""The ways to compute a convolution, with one signature, and which one runs where.

Every form has ``value(w, x, kernel, bias) -> y`` and ``pull(w, x, kernel, bias, g) ->
cotangents`` with x (n, *spatial, c), kernel (*window, c / groups, o) and `w` the
window. XLA's own convolution is the definition. On CPU it is slow for few channels,
for groups, as a 1×1, in its kernel gradient, and inside `lax.scan`: the table of
`_choices` says what was measured, and value and cotangents are chosen apart.
"""

from collections.abc import Callable
from functools import cache, partial

from assay import _geometry
from assay.autodiff import with_backward
from assay.layers import _choices
from assay.layers._conv_forms._columns import COLUMNS
from assay.layers._conv_forms._groups import GROUPS, GROUPS_OF_COLUMNS
from assay.layers._conv_forms._images import IMAGES, MIXED
from assay.layers._conv_forms._lax import LAX
from assay.layers._conv_forms._matmul import MATMUL
from assay.layers._conv_forms._shared import Form
from assay.layers._conv_forms._taps import TAPS
from assay.layers._conv_forms._taps_by_image import TAPS_BY_IMAGE
from assay.layers._conv_forms._toeplitz import TOEPLITZ
from assay.layers._conv_forms._wide import WIDE

FORMS: dict[str, Form] = {
    "lax": LAX,
    "matmul": MATMUL,
    "columns": COLUMNS,
    "images": IMAGES,
    "mixed": MIXED,
    "taps": TAPS,
    "taps by image": TAPS_BY_IMAGE,
    "toeplitz": TOEPLITZ,
    "wide": WIDE,
    "groups": GROUPS,
    "groups of columns": GROUPS_OF_COLUMNS,
}


@cache  # one function a window, so that eager calls compile once
def convolution(w: _geometry.Window, groups: int) -> Callable:
    """(x, kernel, bias) -> y with a gradient as fast as the value."""
    plain = partial(LAX.value, w)

    def forward(x, kernel, bias):
        forms = _chosen(w, groups, x, kernel, "forward")
        values = {p: partial(form.value, w) for p, form in forms.items()}
        return _choices.run(values, plain, x, kernel, bias), ()

    def backward(args, _, g):
        x, kernel, bias = args
        forms = _chosen(w, groups, x, kernel, "backward")
        pulls = {p: partial(form.pull, w) for p, form in forms.items()}
        return _choices.run(pulls, partial(LAX.pull, w), x, kernel, bias, g)

    return with_backward(plain, forward, backward)


def _chosen(w: _geometry.Window, groups: int, x, kernel, direction) -> dict[str, Form]:
    """The form of each platform that has a better one than XLA's own."""
    if 0 in (*x.shape, *kernel.shape):
        return {}  # nothing to compute
    shapes = x.shape, kernel.shape
    named = _choices.chosen("conv", x.dtype, shape_class(w, groups, *shapes), direction)
    forms = {p: FORMS[name] for p, name in named.items()}
    return {p: form for p, form in forms.items() if form.fits(w, groups, *shapes)}


def shape_class(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> str:
    """What decides which form is fastest, every size by its power of four."""
    b, c, (i, o) = _choices.bucket, x_shape[-1], kernel_shape[-2:]
    strided = "strided" if any(s > 1 for s in w.strides) else "still"
    if MATMUL.fits(w, groups, x_shape, kernel_shape):
        return f"pointwise {strided}, {b(c)} to {b(o)}"
    places = 1
    for n in _geometry.output_sizes("conv", x_shape[1:-1], w):
        places *= n
    if groups == 1:
        kind = f"dense, {b(c)} to {b(o)}"
    elif groups == c:
        kind = f"depthwise, {b(c)}"
    else:
        kind = f"{b(groups)} groups, {b(i)} to {b(o // groups)}"
    # Under 8 images the batch is too short an axis to vectorize over.
    many = "many" if x_shape[0] >= 8 else "few"
    size = f"{b(w.taps())} taps {strided}, {b(places)} places, {many}"
    return f"{len(w.size)}d {kind}, {size}"
