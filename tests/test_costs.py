"""The lectures' cost tables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import costs, images, layers


def test_the_lectures_cost_table():
    """L2: 32×32×3 to 64 filters 3×3 (it prints 56,623,104, 32 times too many)."""
    image, window = (32, 32), (3, 3)
    assert costs.conv_multiplications(image, window, 3, 64) == 1_769_472
    assert costs.depthwise_multiplications(image, window, 3) == 27_648
    assert costs.pointwise_multiplications(image, 3, 64) == 196_608
    assert costs.separable_multiplications(image, window, 3, 64) == 224_256


def test_the_lectures_costs_of_one_output_pixel():
    pixel, window = (1, 1), (3, 3)
    assert costs.conv_multiplications(pixel, window, 3, 64) == 1_728
    assert costs.depthwise_multiplications(pixel, window, 3) == 27
    assert costs.pointwise_multiplications(pixel, 3, 64) == 192
    assert costs.separable_multiplications(pixel, window, 3, 64) == 219
    assert costs.conv_multiplications(pixel, window, 1, 1) == 9
    assert costs.spatially_separable_multiplications(pixel, window) == 6


def test_the_lectures_shapes_of_lenet():
    """28 → 24 → 12 → 8 → 4, and 4·4·16 = 256 features."""
    shape, shapes = (28, 28), []
    for window, strides in (((5, 5), 1), ((2, 2), 2)) * 2:
        shape = costs.conv_output_shape(shape, window, strides=strides)
        shapes.append(shape)
    assert shapes == [(24, 24), (12, 12), (8, 8), (4, 4)]
    assert np.prod(shape) * 16 == 256


def test_iterations_and_parameters():
    assert costs.iterations(1000, 32, 10) == 320
    assert costs.iterations(0, 32) == 0
    assert costs.parameters({"w": np.zeros((3, 4)), "b": (np.zeros(4), 1.0)}) == 17


def test_a_window_larger_than_its_input_is_refused():
    with pytest.raises(ValueError, match=r"conv_output_shape: the window .* must fit"):
        costs.conv_output_shape((4, 4), (5, 5))


def test_an_unknown_padding_suggests_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'SAME'"):
        costs.conv_output_shape((4, 4), (3, 3), padding="SAMME")


def shape_of(f, *sizes, **words):
    arrays = [jax.ShapeDtypeStruct(size, jnp.float32) for size in sizes]
    return jax.eval_shape(lambda *a: f(*a, **words), *arrays).shape


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("strides", [1, (3, 2)])
@pytest.mark.parametrize("padding", ["VALID", "SAME", "SAME_LOWER", "CIRCULAR", 2])
def test_shapes_are_those_of_the_layers(padding, strides, dilation):
    size, window = (9, 8), (3, 2)
    words = {"strides": strides, "padding": padding, "dilation": dilation}
    out = costs.conv_output_shape(size, window, **words)
    image, kernel = (2, *size, 4), (*window, 4, 5)
    assert shape_of(layers.conv, image, kernel, **words) == (2, *out, 5)
    assert shape_of(layers.local_conv, image, (*out, *kernel), **words) == (2, *out, 5)
    if padding == "CIRCULAR":
        return
    assert shape_of(images.unfold, image, window=window, **words) == (2, *out, 24)
    if padding != "SAME_LOWER":
        out = costs.conv_transpose_output_shape(size, window, **words)
        assert shape_of(layers.conv_transpose, image, kernel, **words) == (2, *out, 5)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("strides", [None, 1, (3, 2)])
@pytest.mark.parametrize("padding", ["VALID", "SAME", ((1, 0), (1, 1))])
def test_shapes_are_those_of_the_pools(padding, strides, ceil_mode):
    size, window = (9, 8), (3, 2)
    words = {"strides": strides, "padding": padding, "dilation": (1, 2)}
    words["ceil_mode"] = ceil_mode
    out = costs.pool_output_shape(size, window, **words)
    for f in (layers.max_pool, layers.min_pool):
        assert shape_of(f, (2, *size, 4), window=window, **words) == (2, *out, 4)


def test_groups_divide_the_multiplications():
    """A grouped convolution is as many small ones; depthwise is the last of them."""
    image, window = (7, 6), (3, 2)
    one = costs.conv_multiplications(image, window, 4, 8)
    assert costs.conv_multiplications(image, window, 4 // 2, 8) == one // 2
    small = costs.conv_multiplications(image, window, 2, 4)
    assert costs.conv_multiplications(image, window, 4 // 2, 8) == 2 * small
    single = costs.conv_multiplications(image, window, 1, 8)
    assert single == costs.depthwise_multiplications(image, window, 8)


def test_frequencies_pay_for_wide_windows_and_many_images():
    """One channel of a long signal: sooner the longer the window."""
    signal = (2**14,)
    direct, turned = costs.conv_multiplications, costs.fft_conv_multiplications
    assert turned(signal, (9,), 1, 1) > direct(signal, (9,), 1, 1)
    assert turned(signal, (1024,), 1, 1) < direct(signal, (1024,), 1, 1) / 10


def test_a_transposed_convolution_costs_what_the_convolution_does():
    """The same products, gathered the other way."""
    out = costs.conv_output_shape((9, 8), (3, 2), strides=2)
    there = costs.conv_multiplications((9, 8), (3, 2), 4, 5, strides=2, padding="VALID")
    assert costs.conv_transpose_multiplications(out, (3, 2), 5, 4) == there


def test_what_shapes_refuse():
    with pytest.raises(ValueError, match="conv_output_shape: padding .* 'CIRCULAR'"):
        costs.conv_output_shape((4, 4), (3, 3), padding="CIRCULA")
    with pytest.raises(ValueError, match="conv_transpose_output_shape: padding"):
        costs.conv_transpose_output_shape((4, 4), (3, 3), padding="CAUSAL")
    with pytest.raises(ValueError, match="must leave something of the full output"):
        costs.conv_transpose_output_shape((4, 4), (3, 3), padding=4)
