"""The lectures' cost tables."""

import numpy as np
import pytest

from assay import costs


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
