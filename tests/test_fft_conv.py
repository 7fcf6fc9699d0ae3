"""fft_conv beside grouped_conv: every window, cotangents, what it mixes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers
from assay.layers import _fft_conv


def draw(*shape, seed=0, dtype=None):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def relative(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max(float(abs(u - v).max() / abs(v).max()) for u, v in pairs)


def pulled(f, *args):
    y, pull = jax.vjp(f, *args)
    return y, pull(jnp.cos(y))


CASES = {  # x, kernel, options
    "1-d": ((2, 40, 3), (9, 3, 4), {}),
    "1-d, causal": ((3, 20, 1), (5, 1, 2), {"padding": "CAUSAL", "dilation": 2}),
    "2-d": ((2, 20, 30, 3), (7, 5, 3, 4), {"padding": "SAME"}),
    "depthwise": ((2, 11, 12, 4), (5, 8, 1, 4), {"padding": 2}),
    "multiplied": ((2, 11, 12, 3), (5, 4, 1, 6), {"strides": (2, 1)}),
    "groups": (
        (2, 9, 8, 4),
        (3, 4, 2, 6),
        {"strides": (2, 1), "padding": ((2, 1), (0, 3)), "dilation": (1, 2)},
    ),
    "3-d": (
        (2, 7, 6, 9, 4),
        (2, 3, 2, 1, 4),
        {"padding": "SAME", "strides": (1, 2, 2)},
    ),
}


@pytest.mark.parametrize("dtype, bound", [("float64", 1e-13), ("float32", 4e-6)])
@pytest.mark.parametrize("name", CASES)
def test_fft_conv_is_grouped_conv_with_every_cotangent(name, dtype, bound, x64):
    x, kernel, options = CASES[name]
    args = [draw(*x), draw(*kernel, seed=1), draw(kernel[-1], seed=2)]
    args = [a.astype(dtype) for a in args]
    both = [partial(f, **options) for f in (layers.fft_conv, layers.grouped_conv)]
    mine, plain = (jax.jit(partial(pulled, f))(*args) for f in both)
    assert mine[0].dtype == dtype
    assert relative(mine, plain) < bound


def test_a_wide_window_in_float64(x64):
    """The window of 2.5 seconds of audio, longer than any that the others see."""
    x, kernel = draw(2, 4096, 1), draw(1024, 1, 1, seed=1)
    far = layers.fft_conv(x, kernel, padding="SAME")[:, ::64]
    near = layers.conv(x, kernel, padding=((511, 512),), strides=64)
    assert relative(far, near) < 1e-10


def test_hessian_vector_products_agree_with_conv(x64):
    x, kernel = draw(2, 6, 5, 2), draw(3, 2, 2, 3, seed=1)

    def product(f):
        def slope(kernel, x):
            return jax.grad(lambda k, x: jnp.sin(f(x, k)).sum(), (0, 1))(kernel, x)

        return jax.jit(lambda k, x: jax.jvp(slope, (k, x), (jnp.cos(k), x * x)))

    far, near = (product(f)(kernel, x) for f in (layers.fft_conv, layers.conv))
    assert relative(far, near) < 1e-12


def test_one_nan_reaches_outputs_that_never_saw_it():
    """Why conv never chooses this by itself."""
    x, kernel = jnp.ones((1, 30, 1)).at[0, 0].set(jnp.nan), jnp.ones((3, 1, 1))
    assert jnp.isnan(layers.fft_conv(x, kernel)).all()
    assert jnp.isnan(layers.conv(x, kernel)).sum() == 1


def test_the_lengths_are_the_least_without_a_large_prime():
    def smooth(n):
        for p in (2, 3, 5):
            while n % p == 0:
                n //= p
        return n == 1

    for n in (*range(1, 200), 4097, 5119, 65537):
        fast = _fft_conv._fast(n)
        assert smooth(fast) and not any(map(smooth, range(n, fast)))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="fft_conv: kernel inputs"):
        layers.fft_conv(jnp.ones((2, 9, 3)), jnp.ones((3, 2, 4)))
    with pytest.raises(ValueError, match="fft_conv: bias"):
        layers.fft_conv(jnp.ones((2, 9, 3)), jnp.ones((3, 3, 4)), jnp.ones(3))
