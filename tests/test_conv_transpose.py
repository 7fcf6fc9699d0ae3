"""Transposed convolution beside lax, its fast gradient, its errors."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_named_paddings_are_those_of_lax(padding):
    """Windows shorter and longer than the stride; lax holds the window flipped."""
    for k, s in itertools.product((1, 2, 3, 4, 5), (1, 2, 3)):
        x, kernel = RNG.standard_normal((1, 4, 2)), RNG.standard_normal((k, 2, 3))
        x, kernel = jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32)
        layout = ("NHC", "HIO", "NHC")
        true = jax.lax.conv_transpose(
            x, kernel[::-1], (s,), padding, dimension_numbers=layout
        )
        got = layers.conv_transpose(x, kernel, strides=s, padding=padding)
        np.testing.assert_allclose(got, true, rtol=1e-5, atol=1e-5)


def test_it_is_the_transpose_of_conv(x64):
    """⟨conv(y), x⟩ = ⟨y, conv_transpose(x)⟩."""
    y, x = RNG.standard_normal((2, 7, 9, 3)), RNG.standard_normal((2, 4, 5, 4))
    kernel = RNG.standard_normal((3, 3, 3, 4))
    y, x, kernel = map(jnp.asarray, (y, x, kernel))
    there = layers.conv(y, kernel, strides=2, padding=1)
    back = layers.conv_transpose(x, kernel.swapaxes(2, 3), strides=2, padding=1)
    np.testing.assert_allclose(np.vdot(there, x), np.vdot(y, back), rtol=1e-12)


def test_a_reverse_pass_has_no_convolution_of_a_dilated_input_but_the_value():
    """Which XLA on CPU is ten times as slow at, in the kernel."""
    x, kernel = jnp.ones((2, 5, 5, 40)), jnp.ones((4, 4, 40, 33))

    def cost(x, kernel):
        y = layers.conv_transpose(x, kernel, strides=2, padding="SAME")
        return jnp.sum(jnp.square(y))

    compiled = jax.jit(jax.grad(cost, (0, 1))).lower(x, kernel).compile()
    assert str(compiled.as_text()).count("lhs_dilate=2x2") == 1


def test_empty_batches_and_no_places():
    """Nothing in, nothing out, and no error."""
    kernel = jnp.ones((3, 2, 4))
    assert layers.conv_transpose(jnp.ones((0, 5, 2)), kernel).shape == (0, 7, 4)
    assert layers.conv_transpose(jnp.ones((2, 0, 2)), kernel).shape == (2, 0, 4)


def test_half_precision_is_computed_in_float32():
    """One rounding, of the result."""
    x = jnp.asarray(RNG.standard_normal((3, 5, 4)), jnp.bfloat16)
    kernel = jnp.asarray(RNG.standard_normal((3, 4, 2)), jnp.bfloat16)
    got = layers.conv_transpose(x, kernel, strides=2)
    wide = layers.conv_transpose(
        *(a.astype(jnp.float32) for a in (x, kernel)), strides=2
    )
    assert got.dtype == jnp.bfloat16
    np.testing.assert_array_equal(got, wide.astype(jnp.bfloat16))


@pytest.mark.parametrize(
    "x, kernel, bias, words, match",
    [
        ((5, 3), (3, 2, 4), None, {}, "inputs .axis -2. must divide the channels"),
        ((5, 4), (3, 2, 3), None, {}, "and groups the outputs"),
        ((5, 2), (3, 2, 4), (3,), {}, "bias must have the shape .4,."),
        ((5, 2), (3, 2), None, {}, "1 to 3 spatial axes"),
        ((2,), (3, 2, 4), None, {}, "x"),
        ((5, 2), (3, 2, 4), None, {"padding": "CAUSAL"}, "padding"),
        ((5, 2), (3, 2, 4), None, {"padding": 4}, "leave something"),
        ((5, 2), (3, 2, 4), None, {"strides": 0}, "strides"),
    ],
)
def test_what_does_not_fit_is_told(x, kernel, bias, words, match):
    bias = None if bias is None else jnp.ones(bias)
    with pytest.raises(ValueError, match=f"conv_transpose: .*{match}"):
        layers.conv_transpose(jnp.ones(x), jnp.ones(kernel), bias, **words)
