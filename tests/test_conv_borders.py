"""Borders of a convolution beside Flax, torch and lax; zeros between the pixels."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import _geometry, images, layers
from assay.layers import _conv_forms as forms

RNG = np.random.default_rng(0)
SIZES = (8, 7, 6)
WINDOWS = {1: (4,), 2: (3, 4), 3: (2, 3, 2)}
MODES = {"CIRCULAR": "circular", "REFLECT": "reflect", "REPLICATE": "replicate"}
# rank, name, strides, dilation, groups
CASES = list(itertools.product((1, 2, 3), _geometry.BORDERS, (1, 2), (1, 2), (1, 3)))


def drawn(*shapes):
    return [jnp.asarray(RNG.standard_normal(shape)) for shape in shapes]


def pulled(f, arrays, ct):
    """The value and every gradient of ⟨f, ct⟩."""
    y, pull = jax.vjp(f, *arrays)
    return y, *pull(ct)


def agree(got, true, gap=1e-12):
    for mine, theirs in zip(got, true, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=gap)


def test_borders_are_flaxs(x64):
    """CIRCULAR and REFLECT with strides, dilations and windows wider than the image."""
    nnx = pytest.importorskip("flax.nnx", reason="Flax is an optional peer")
    arrays, ours, theirs = [], [], []
    for name, k, s, d in itertools.product(
        ("CIRCULAR", "REFLECT"), (2, 7), (1, 3), (1, 2)
    ):
        model = nnx.Conv(
            *(3, 2, (k, 3), s),
            padding=name,
            kernel_dilation=d,
            use_bias=False,
            param_dtype=jnp.float64,
            rngs=nnx.Rngs(0),
        )
        x, kernel = drawn((2, 5, 4, 3), (k, 3, 3, 2))
        model.kernel[...] = kernel
        arrays.append((x, kernel))
        theirs.append(model)
        words = {"strides": s, "padding": name, "dilation": d}
        ours.append(partial(layers.conv, **words))
    found = jax.jit(lambda a: [f(*i) for f, i in zip(ours, a, strict=True)])(arrays)
    true = jax.jit(lambda a: [f(x) for f, (x, _) in zip(theirs, a, strict=True)])(
        arrays
    )
    agree(found, true)


def ours(case, arrays, ct):
    rank, name, strides, dilation, _ = case

    def f(x, kernel):
        words = {"strides": strides, "dilation": dilation}
        return layers.grouped_conv(x, kernel, padding=name, **words)

    return pulled(f, arrays, ct)


def theirs(torch, case, arrays, ct):
    """torch pads and convolves in two steps: its layer's "same" refuses strides."""
    rank, name, strides, dilation, groups = case
    x, kernel = arrays
    x = torch.tensor(np.moveaxis(x, -1, 1).copy(), requires_grad=True)
    kernel = torch.tensor(
        np.moveaxis(kernel, (-2, -1), (1, 0)).copy(), requires_grad=True
    )
    total = [d * (k - 1) for k, d in zip(WINDOWS[rank], [dilation] * rank, strict=True)]
    pads = [p for t in reversed(total) for p in (t // 2, t - t // 2)]
    wide = torch.nn.functional.pad(x, pads, MODES[name])
    f = getattr(torch.nn.functional, f"conv{rank}d")
    y = f(wide, kernel, None, strides, 0, dilation, groups)
    y.backward(torch.tensor(np.moveaxis(ct, -1, 1).copy()))
    moved = np.moveaxis(kernel.grad.numpy(), (1, 0), (-2, -1))
    return (
        np.moveaxis(y.detach().numpy(), 1, -1),
        np.moveaxis(x.grad.numpy(), 1, -1),
        moved,
    )


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_borders_and_their_gradients_are_torchs(rank, x64):
    torch = pytest.importorskip("torch", reason="torch is in the extra [peers]")
    inputs, true = [], []
    cases = [case for case in CASES if case[0] == rank][:: 1 if rank < 3 else 3]
    for case in cases:
        spatial, (strides, groups) = SIZES[:rank], (case[2], case[4])
        arrays = drawn((2, *spatial, 3), (*WINDOWS[rank], 3 // groups, 6))
        out = [-(-n // strides) for n in spatial]
        (ct,) = drawn((2, *out, 6))
        inputs.append((arrays, ct))
        true.append(theirs(torch, case, arrays, ct))
    every = jax.jit(
        lambda inputs: [ours(c, *i) for c, i in zip(cases, inputs, strict=True)]
    )
    for got, expected in zip(every(inputs), true, strict=True):
        agree(got, expected, 1e-10)


def test_other_widths_are_a_pad_and_a_valid_convolution(x64):
    """torch's padding=p with a padding_mode, as the docstring says."""
    torch = pytest.importorskip("torch", reason="torch is in the extra [peers]")
    x, kernel = drawn((2, 6, 5, 3), (3, 3, 3, 4))
    theirs = torch.nn.Conv2d(
        3,
        4,
        3,
        2,
        padding=(2, 1),
        padding_mode="reflect",
        bias=False,
        dtype=torch.double,
    )
    theirs.weight.data = torch.tensor(np.moveaxis(kernel, (-2, -1), (1, 0)).copy())
    wide = images.pad(x, ((2, 2), (1, 1)), mode="reflect")
    y = theirs(torch.tensor(np.moveaxis(x, -1, 1).copy()))
    got = layers.conv(wide, kernel, strides=2)
    agree([got], [np.moveaxis(y.detach().numpy(), 1, -1)])


def test_same_lower_is_that_of_lax(x64):
    """For convolution, pooling and patches, which all read one geometry."""
    for k, s in itertools.product((2, 3, 4), (1, 2, 3)):
        x, kernel = drawn((2, 7, 3), (k, 3, 2))
        layout = {"dimension_numbers": ("NHC", "HIO", "NHC")}
        conv = jax.lax.conv_general_dilated(x, kernel, (s,), "SAME_LOWER", **layout)
        most = jax.lax.reduce_window(
            x, -jnp.inf, jax.lax.max, (1, k, 1), (1, s, 1), "SAME_LOWER"
        )
        words = {"strides": s, "padding": "SAME_LOWER"}
        rows = images.unfold(x, (k,), **words) @ kernel.reshape(-1, 2)
        ours = layers.conv(x, kernel, **words), layers.max_pool(x, (k,), **words)
        agree([*ours, rows], [conv, most, conv])


@pytest.mark.parametrize("name", _geometry.BORDERS)
def test_a_constant_image_has_no_border(name, x64):
    """Whatever the kernel, every output of a constant image is the same; not with 0."""
    (kernel,) = drawn((4, 3, 2, 5))
    x = jnp.ones((3, 6, 2))

    def spread(padding):
        y = layers.conv(x, kernel, padding=padding)
        return float(jnp.ptp(y, (0, 1)).max())

    assert spread(name) < 1e-12 < 1e-1 < spread("SAME")


def test_a_circular_convolution_turns_with_the_image(x64):
    x, kernel = drawn((7, 6, 3), (3, 4, 1, 6))
    turned = layers.depthwise_conv(
        jnp.roll(x, (2, -1), (0, 1)), kernel, padding="CIRCULAR"
    )
    y = layers.depthwise_conv(x, kernel, padding="CIRCULAR")
    agree([turned], [jnp.roll(y, (2, -1), (0, 1))])


def test_a_border_keeps_the_fast_forms(monkeypatch):
    """The window that is chosen for is the one of a VALID convolution."""
    seen = []
    choose = forms.convolution
    monkeypatch.setattr(
        forms, "convolution", lambda w, g: seen.append((w, g)) or choose(w, g)
    )
    x, kernel = jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 1, 4))
    jax.eval_shape(lambda: layers.depthwise_conv(x, kernel, padding="REFLECT"))
    assert seen == [(_geometry.window("test", (10, 10), (3, 3)), 4)]


@pytest.mark.parametrize("name", _geometry.BORDERS)
def test_borders_of_half_precision_batches_and_none(name):
    kernel = jnp.ones((3, 2, 4, 5), jnp.bfloat16)

    def f(x):
        return layers.conv(x, kernel, padding=name)

    for shape in ((6, 5, 4), (0, 6, 5, 4), (2, 3, 6, 5, 4), (1, 1, 4)):
        y = jax.eval_shape(f, jax.ShapeDtypeStruct(shape, jnp.bfloat16))
        assert y.shape == (*shape[:-1], 5) and y.dtype == jnp.bfloat16


@pytest.mark.parametrize("factors", [(2, 3), (1, 2)])
def test_fractional_strides_are_those_of_lax(factors, x64):
    """Flax's input_dilation, in value and gradient."""
    x, kernel = drawn((2, 4, 3, 2), (3, 2, 2, 5))
    steps = {"padding": ((1, 2), (0, 3)), "rhs_dilation": (1, 2)}

    def lax(x, kernel):
        layout = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
        return jax.lax.conv_general_dilated(
            x, kernel, (2, 1), lhs_dilation=factors, **steps, **layout
        )

    def ours(x, kernel):
        x = images.insert_zeros(x, factors)
        pads, d = steps.values()
        return layers.conv(x, kernel, strides=(2, 1), padding=pads, dilation=d)

    ct = jnp.cos(lax(x, kernel))
    both = jax.jit(lambda *a: [pulled(f, a, ct) for f in (ours, lax)])
    agree(*both(x, kernel))


def test_errors_name_the_paddings():
    x, kernel = jnp.zeros((8, 8, 3)), jnp.zeros((3, 3, 3, 5))
    with pytest.raises(ValueError, match="conv: padding .* Did you mean 'CIRCULAR'"):
        layers.conv(x, kernel, padding="CIRCULR")
    with pytest.raises(ValueError, match=r"conv: x must have a place to pad from"):
        layers.conv(x[:0], kernel, padding="REFLECT")
    with pytest.raises(ValueError, match=r"conv: dilation must be a number >= 1"):
        layers.conv(x, kernel, padding="REFLECT", dilation=0)
    for f in (layers.max_pool, layers.avg_pool, images.unfold):
        with pytest.raises(
            ValueError, match="padding must be one of CAUSAL, SAME, SAME_L"
        ):
            f(x, (2, 2), padding="CIRCULAR")
    with pytest.raises(ValueError, match="insert_zeros: factors must be a number >= 1"):
        images.insert_zeros(x, (2, 0))
    with pytest.raises(ValueError, match="insert_zeros: x must have at least 4 axes"):
        images.insert_zeros(x, (2, 2, 2))
