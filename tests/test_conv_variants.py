"""Masked, local and deformable convolution, and folded batch norms: what is special."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

RNG = np.random.default_rng(0)


def drawn(*shapes):
    return [jnp.asarray(RNG.standard_normal(shape)) for shape in shapes]


def agree(got, true, gap=1e-12):
    for mine, theirs in zip(got, true, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=gap)


def pulled(f, arrays, ct):
    y, pull = jax.vjp(f, *arrays)
    return y, *pull(ct)


# --- masked ---


def test_a_masked_weight_takes_no_part_whatever_it_is():
    x, kernel = jnp.ones((7, 6, 2)), jnp.ones((3, 3, 2, 4))
    mask = layers.pixel_cnn_mask((3, 3), 2, 4, kind="B")
    for bad in (jnp.nan, jnp.inf):
        broken = jnp.where(mask, kernel, bad)
        y = layers.masked_conv(x, broken, mask)
        slope = jax.grad(lambda k: layers.masked_conv(x, k, mask).sum())(broken)
        assert (y == layers.masked_conv(x, kernel, mask)).all()
        assert np.array_equal(slope != 0, mask) and jnp.isfinite(slope).all()


@pytest.mark.parametrize(
    "sizes, window", [((9,), (4,)), ((4, 5), (3, 3)), ((2, 3, 3), (3, 2, 3))]
)
def test_a_pixel_cnn_sees_only_what_came_before(sizes, window):
    """An A layer and a B layer: place t, and color n, see places and colors before."""
    colors = 3
    a = layers.pixel_cnn_mask(window, 3, 7, kind="A", colors=colors)
    b = layers.pixel_cnn_mask(window, 7, 6, kind="B", colors=colors)
    first, second = drawn((*window, 3, 7), (*window, 7, 6))

    def net(x):
        h = layers.masked_conv(x, first, a, padding="SAME")
        return layers.masked_conv(h, second, b, padding="SAME")

    (x,) = drawn((*sizes, 3))
    reads = np.asarray(jax.jit(jax.jacobian(net))(x)) != 0  # (*sizes, 6, *sizes, 3)
    places = int(np.prod(sizes))
    # Two outputs a color: in the order in which colors are drawn.
    sees = reads.reshape(places, colors, 2, places * colors).any(2)
    sees = sees.reshape(places * colors, places * colors)
    assert np.array_equal(sees, np.tril(sees, -1))
    # And it does see: the colors before, and other places.
    assert sees.diagonal(-1)[np.arange(len(sees) - 1) % colors < colors - 1].all()
    assert sees[-colors:, :-colors].any(1).all()


def test_without_colors_the_masks_are_van_den_oords():
    a, b = (layers.pixel_cnn_mask((3, 5), 1, 1, kind=k)[..., 0, 0] for k in "AB")
    assert a.astype(int).tolist() == [[1] * 5, [1, 1, 0, 0, 0], [0] * 5]
    assert b.astype(int).tolist() == [[1] * 5, [1, 1, 1, 0, 0], [0] * 5]


def test_flaxs_masked_convolution_is_ours(x64):
    nnx = pytest.importorskip("flax.nnx", reason="Flax is an optional peer")
    x, kernel = drawn((2, 6, 5, 2), (3, 3, 2, 4))
    mask = layers.pixel_cnn_mask((3, 3), 2, 4, kind="B")
    theirs = nnx.Conv(
        *(2, 4, (3, 3)),
        mask=mask.astype(float),
        use_bias=False,
        param_dtype=jnp.float64,
        rngs=nnx.Rngs(0),
    )
    theirs.kernel[...] = kernel
    agree([layers.masked_conv(x, kernel, mask, padding="SAME")], [theirs(x)])


# --- local ---


@pytest.mark.parametrize("padding", ["VALID", "SAME", "CIRCULAR"])
def test_flaxs_local_convolution_is_ours_as_the_docstring_says(padding):
    nn = pytest.importorskip("flax.linen", reason="Flax is an optional peer")
    (x,) = drawn((2, 7, 6, 3))
    layer = nn.ConvLocal(4, (3, 2), 2, padding, kernel_dilation=(1, 2))
    variables = layer.init(jax.random.key(0), x)
    theirs, bias = (variables["params"][n] for n in ("kernel", "bias"))
    out = theirs.shape[:2]
    kernel = jnp.moveaxis(theirs.reshape(*out, 3, 3, 2, 4), 2, -2)
    words = {"strides": 2, "padding": padding, "dilation": (1, 2)}
    ours = layers.local_conv(x, kernel, bias + 1, **words)
    agree([ours], [layer.apply(variables, x) + 1], 1e-5)


def test_a_local_convolution_of_one_kernel_is_a_convolution(x64):
    for strides, padding, d in ((1, "SAME", 2), (2, ((0, 1), (2, 0)), 1)):
        x, kernel, bias = drawn((2, 3, 7, 6, 3), (3, 2, 3, 4), (4,))
        words = {"strides": strides, "padding": padding, "dilation": d}
        y = layers.conv(x, kernel, bias, **words)
        *_, h, w, o = y.shape
        many = jnp.broadcast_to(kernel, (h, w, *kernel.shape))
        own = jnp.broadcast_to(bias, (h, w, o))
        agree([layers.local_conv(x, many, own, **words)], [y])


# --- deformable ---


def deformed(x, kernel, deformation, **words):
    return layers.deformable_conv(x, kernel, layers.Deformation(*deformation), **words)


@pytest.mark.parametrize("i, groups", [(4, 1), (2, 4), (1, 2)])
def test_without_offsets_it_is_a_convolution(i, groups, x64):
    """In value and gradients, with groups of weights and of offsets."""
    x, kernel = drawn((2, 7, 6, 4), (3, 2, i, 8))
    words = {"strides": (2, 1), "padding": "SAME", "dilation": (1, 2)}
    (ct,) = drawn((2, 4, 6, 8))
    offsets = jnp.zeros((2, 4, 6, groups * 6, 2))
    each = [
        lambda x, kernel: deformed(x, kernel, (offsets,), **words),
        lambda x, kernel: layers.grouped_conv(x, kernel, **words),
    ]
    both = jax.jit(lambda *arrays: [pulled(f, arrays, ct) for f in each])
    agree(*both(x, kernel))


def test_offsets_of_whole_pixels_shift_the_image(x64):
    """Rows first; what comes from outside is 0."""
    x, kernel = drawn((2, 7, 6, 4), (3, 2, 4, 8))
    words = {"strides": (2, 1), "dilation": (1, 2)}
    offsets = jnp.broadcast_to(jnp.array([1.0, -2.0]), (2, 3, 4, 6, 2))
    moved = jnp.pad(x, ((0, 0), (0, 1), (2, 0), (0, 0)))[:, 1:, :-2]
    agree(
        [deformed(x, kernel, (offsets,), **words)],
        [layers.conv(moved, kernel, **words)],
    )


def test_half_way_between_pixels_is_their_mean_and_outside_is_none(x64):
    x = jnp.arange(12.0).reshape(3, 4, 1) + 1
    kernel = jnp.ones((1, 1, 1, 1))
    offsets = np.full((3, 4, 1, 2), 0.5)
    offsets[2, 3], offsets[0, 0], offsets[0, 1] = (7, 0), (-1, -1), (-np.inf, np.inf)
    y = deformed(x, kernel, (jnp.asarray(offsets),))[..., 0]
    assert y[1, 1] == (6 + 7 + 10 + 11) / 4
    assert y[2, 0] == (9 + 10) / 4 and y[1, 3] == (8 + 12) / 4
    assert y[2, 3] == y[0, 0] == y[0, 1] == 0


def test_an_infinite_pixel_reaches_only_what_sees_it():
    x = jnp.zeros((5, 5, 1)).at[0, 0].set(jnp.inf)
    f = jax.jit(lambda at: deformed(x, jnp.ones((1, 1, 1, 1)), (at,)))
    y = f(jnp.full((5, 5, 1, 2), 0.5))
    assert jnp.isfinite(y[1:]).all() and jnp.isfinite(y[0, 1:]).all()
    assert jnp.isnan(f(jnp.full((5, 5, 1, 2), jnp.nan))).all()


@pytest.mark.parametrize("rank, groups", [(1, 1), (2, 3), (3, 1)])
def test_gradients_are_those_of_small_steps(rank, groups, x64):
    """In x, kernel, offsets and mask, away from whole pixels, by differences."""
    sizes, window = (6, 5, 4)[:rank], (2, 3, 2)[:rank]
    taps = groups * int(np.prod(window))
    x, kernel, mask = drawn((2, *sizes, 3), (*window, 3, 4), (2, *sizes, taps))
    whole = RNG.integers(-2, 2, (2, *sizes, taps, rank))
    offsets = jnp.asarray(whole + RNG.uniform(0.1, 0.9, whole.shape))
    arrays = (x, kernel, offsets, mask)

    @jax.jit
    def loss(x, kernel, offsets, mask):
        return jnp.sin(deformed(x, kernel, (offsets, mask), padding="SAME")).sum()

    slopes = jax.jit(jax.grad(loss, (0, 1, 2, 3)))(*arrays)
    for which, slope in enumerate(slopes):
        (step,) = drawn(arrays[which].shape)
        step = 1e-6 * step
        ends = [list(arrays), list(arrays)]
        ends[0][which], ends[1][which] = arrays[which] - step, arrays[which] + step
        rise = loss(*ends[1]) - loss(*ends[0])
        np.testing.assert_allclose(
            rise, 2 * jnp.vdot(slope, step), rtol=1e-6, atol=1e-12
        )


def test_a_deformed_batch_of_none_keeps_its_dtype():
    shapes = {"x": (0, 6, 5, 4), "kernel": (3, 2, 4, 8), "offsets": (0, 4, 4, 6, 2)}
    arrays = [jax.ShapeDtypeStruct(s, jnp.bfloat16) for s in shapes.values()]
    y = jax.eval_shape(lambda x, k, offsets: deformed(x, k, (offsets,)), *arrays)
    assert y.shape == (0, 4, 4, 8) and y.dtype == jnp.bfloat16


def test_the_reverse_pass_does_not_hold_what_all_taps_see():
    """Seven times seven taps would be 49 images."""
    x, kernel = jnp.ones((1, 20, 20, 64)), jnp.ones((7, 7, 64, 4))
    offsets = jnp.ones((1, 20, 20, 49, 2))

    def loss(*arrays):
        return deformed(*arrays[:2], arrays[2:], padding="SAME").sum()

    program = str(jax.make_jaxpr(jax.grad(loss, (0, 1, 2)))(x, kernel, offsets))
    shapes = re.findall(r"f32\[([\d,]+)\]", program)
    largest = max(np.prod([int(n) for n in shape.split(",")]) for shape in shapes)
    assert x.size <= largest < 5 * x.size


# --- folded ---


SAME, AROUND = {"strides": 2, "padding": "SAME"}, {"padding": "CIRCULAR"}
FOLDED = {
    "dense": (layers.dense, (3, 4), (4, 5), {}),
    "conv": (layers.conv, (2, 7, 6, 4), (3, 2, 4, 5), SAME),
    "grouped": (layers.grouped_conv, (2, 7, 6, 4), (3, 2, 2, 6), AROUND),
    "depthwise": (layers.depthwise_conv, (2, 7, 4), (3, 1, 8), {"dilation": 2}),
    "transposed": (layers.conv_transpose, (2, 5, 4), (3, 4, 5), SAME),
    "transposed groups": (layers.conv_transpose, (5, 6, 4), (3, 2, 2, 6), {}),
    "local": (layers.local_conv, (2, 5, 4), (3, 3, 4, 6), {}),
}


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", FOLDED)
def test_a_folded_batch_norm_is_the_layer_and_its_norm(name, affine, x64):
    f, shape, size, words = FOLDED[name]
    o = size[-1]
    x, kernel, mean, scale, shift = drawn(shape, size, (o,), (o,), (o,))
    (bias,) = drawn((3, o) if name == "local" else (o,))
    stats = layers.BatchStats(mean, jnp.asarray(RNG.uniform(1e-3, 9, o)))
    norm = layers.BatchNormParams(*((scale, shift) if affine else (None, None)), stats)
    for b in (bias, None):
        apart = layers.batch_norm_inference(f(x, kernel, b, **words), *norm, eps=1e-3)
        folded = layers.fold_batch_norm(kernel, b, norm, eps=1e-3)
        assert jnp.ptp(apart) > 1
        agree([f(x, *folded, **words)], [apart])


def test_a_folded_norm_keeps_the_kernels_dtype():
    stats = layers.BatchStats(jnp.zeros(3), jnp.ones(3))
    norm = layers.BatchNormParams(jnp.ones(3), None, stats)
    half = layers.fold_batch_norm(jnp.ones((2, 3), jnp.bfloat16), None, norm)
    assert [a.dtype for a in half] == [jnp.bfloat16] * 2


# --- errors ---


def test_errors_say_what_must_hold():
    x, kernel = jnp.zeros((2, 8, 8, 3)), jnp.zeros((3, 3, 3, 5))
    ones = jnp.ones(kernel.shape, bool)
    with pytest.raises(ValueError, match="masked_conv: kernel and mask must have"):
        layers.masked_conv(x, kernel, ones[..., :1])
    with pytest.raises(TypeError, match="masked_conv: mask must be boolean"):
        layers.masked_conv(x, kernel, ones.astype(float))
    with pytest.raises(ValueError, match="pixel_cnn_mask: kind must be one of A, B"):
        layers.pixel_cnn_mask((3,), 1, 1, kind="a")
    with pytest.raises(ValueError, match="pixel_cnn_mask: colors must be from 1"):
        layers.pixel_cnn_mask((3,), 2, 4, kind="A", colors=3)


def test_errors_of_local_convolutions():
    x, own = jnp.zeros((2, 8, 8, 3)), jnp.zeros((6, 6, 3, 3, 3, 5))
    with pytest.raises(
        ValueError, match=r"local_conv: the kernel must begin .*\(8, 8\)"
    ):
        layers.local_conv(x, own, padding="SAME")
    with pytest.raises(ValueError, match=r"local_conv: kernel must be \(\*out"):
        layers.local_conv(x, own[0])
    with pytest.raises(ValueError, match="local_conv: the kernel must have as many"):
        layers.local_conv(x[..., :2], own)
    with pytest.raises(
        ValueError, match=r"local_conv: bias must have the shape \(6, 6, 5\)"
    ):
        layers.local_conv(x, own, jnp.zeros((1, 5)))


def test_errors_of_deformations():
    x, kernel = jnp.zeros((2, 8, 8, 3)), jnp.zeros((3, 3, 3, 5))
    right = jnp.zeros((2, 6, 6, 9, 2))
    for wrong in (
        right[..., :1],
        right[:1],
        right[:, :5],
        right[..., :8, :],
        right[0, 0, 0, 0, 0],
    ):
        with pytest.raises(ValueError, match="deformable_conv: offsets must be"):
            deformed(x, kernel, (wrong,))
    with pytest.raises(ValueError, match="deformable_conv: offsets .* dividing 3"):
        deformed(x, kernel, (jnp.zeros((2, 6, 6, 18, 2)),))
    with pytest.raises(ValueError, match="deformable_conv: mask must have the shape"):
        deformed(x, kernel, (right, right))
    with pytest.raises(ValueError, match="deformable_conv: kernel inputs"):
        deformed(x, jnp.zeros((3, 3, 2, 5)), (right,))
    with pytest.raises(ValueError, match="fold_batch_norm: norm's mean must have one"):
        stats = layers.BatchStats(jnp.zeros(3), jnp.ones(5))
        layers.fold_batch_norm(kernel, None, layers.BatchNormParams(None, None, stats))
    with pytest.raises(ValueError, match="fold_batch_norm: bias must have the 5"):
        stats = layers.BatchStats(jnp.zeros(5), jnp.ones(5))
        norm = layers.BatchNormParams(None, None, stats)
        layers.fold_batch_norm(kernel, jnp.zeros(3), norm)
