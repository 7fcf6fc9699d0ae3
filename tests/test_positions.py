"""Positions: how accurate far away, what rotation and the biases are for, wording."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

T, N, H = 6, 2, 8
OMEGA = layers.rotary_frequencies(H)
POSITIONS = [1, 100, 12345, 10**5, 10**6, 2**24 + 1, 2**31 - 1]


def drawn(*shape, seed=0):
    rng = np.random.default_rng([seed, *shape])
    return jnp.asarray(rng.standard_normal(shape), jnp.float32)


def exact(positions, frequencies):
    """The angle in whole numbers: a frequency is m · 2^-e, and 2π has 200 bits."""
    bits, turn = 200, _two_pi(200)
    angles = np.empty((len(positions), len(frequencies)))
    for at in np.ndindex(angles.shape):
        mantissa, exponent = math.frexp(frequencies[at[1]])
        whole = int(mantissa * 2**53) * int(positions[at[0]])
        fraction = (whole << (bits - 53 + exponent)) % turn
        angles[at] = fraction / 2**bits
    return angles


def _two_pi(bits):
    """2π · 2^bits by Machin's formula, in Python's integers."""

    def arctan_of_one_over(n):
        term, total, k = (1 << (bits + 32)) // n, 0, 0
        while term:
            total += (-1) ** k * (term // (2 * k + 1))
            term, k = term // (n * n), k + 1
        return total

    return 8 * (4 * arctan_of_one_over(5) - arctan_of_one_over(239)) >> 32


@pytest.mark.parametrize("sign", [1, -1])
def test_angles_are_accurate_at_any_position(sign):
    """Float32: within 5e-7 where a float32 product is 5e-3 off, and beyond."""
    frequencies = layers.rotary_frequencies(32)
    positions = sign * np.array(POSITIONS)
    turn = jax.jit(lambda p: layers.rotary_angles(p, frequencies))
    angles = np.asarray(turn(jnp.asarray(positions, jnp.int32)), np.float64)
    assert np.abs(angles).max() <= np.float32(np.pi)
    away = np.exp(1j * angles) - np.exp(1j * exact(positions, frequencies))
    assert np.abs(away).max() < 5e-7


def test_angles_of_what_is_traced_are_products():
    """Learned frequencies, and places between the whole ones."""
    got = jax.jit(layers.rotary_angles)(jnp.array([2, 3]), jnp.array([0.5, 0.25]))
    assert got.tolist() == [[1.0, 0.5], [1.5, 0.75]]
    assert layers.rotary_angles(jnp.array([0.5]), OMEGA)[0, 0] == 0.5
    slope = jax.grad(lambda p: layers.rotary_angles(p, OMEGA)[0])(jnp.float32(3.5))
    assert slope == 1.0


@pytest.mark.parametrize("rotate", [layers.rotary_halves, layers.rotary_interleaved])
def test_products_depend_on_the_distance_alone(rotate):
    """q at p + 7 with k at p′ + 7 is q at p with k at p′, and lengths stay."""
    q, k = drawn(T, N, H), drawn(T, N, H, seed=1)

    def products(shift):
        turn = lambda x: rotate(x, layers.rotary_angles(jnp.arange(T) + shift, OMEGA))  # noqa: E731
        return jnp.einsum("tnh,snh->nts", turn(q), turn(k))

    np.testing.assert_allclose(products(70000), products(0), rtol=1e-5, atol=1e-5)
    turned = rotate(q, layers.rotary_angles(jnp.arange(T), OMEGA))
    norm = functools.partial(jnp.linalg.norm, axis=-1)
    np.testing.assert_allclose(norm(turned), norm(q), rtol=1e-6)


def test_the_layouts_are_a_permutation_apart():
    """Halves of (evens, odds) are what interleaved pairs are."""
    x, angles = drawn(T, N, H), drawn(T, H // 2, seed=3)
    sorted_ = jnp.concatenate([x[..., 0::2], x[..., 1::2]], axis=-1)
    pairs = layers.rotary_interleaved(x, angles)
    halves = jnp.concatenate([pairs[..., 0::2], pairs[..., 1::2]], axis=-1)
    np.testing.assert_allclose(layers.rotary_halves(sorted_, angles), halves, rtol=1e-6)


def test_rotation_stands_in_attention_and_its_cache():
    """`rotate=` of both, and two axes for an image."""
    params = layers.AttentionParams(
        drawn(5, N, H), drawn(5, N, H, seed=1), drawn(5, N, H, seed=2), drawn(N, H, 5)
    )
    x = 0.3 * drawn(T, 5)
    turn = lambda z, p: layers.rotary_halves(z, layers.rotary_angles(p, OMEGA))  # noqa: E731
    whole = layers.multi_head_attention(x, params, is_causal=True, rotate=turn)
    cell = functools.partial(layers.cached_attention, params, rotate=turn)
    cache, first = cell(layers.kv_cache(params, x, T), x[:4])
    _, rest = cell(cache, x[4:])
    both = jnp.concatenate([first, rest])
    np.testing.assert_allclose(both, whole, rtol=1e-5, atol=1e-5)
    axes = layers.rotary_axes(layers.grid_positions((2, 3)), OMEGA[:2])
    assert axes.shape == (T, 4)
    assert layers.rotary_interleaved(drawn(T, N, H), axes).shape == (T, N, H)


def test_alibi_and_t5_are_biases_of_attention():
    """(heads, t, s), laid over the batch by `bias=`; causal rows end at 0."""
    slopes = layers.alibi_slopes(4)
    assert slopes.tolist() == [2**-2, 2**-4, 2**-6, 2**-8]
    bias = layers.alibi_bias(slopes, jnp.arange(3), jnp.arange(5))
    assert bias.shape == (4, 3, 5) and bias[0, 2].tolist() == [
        -0.5,
        -0.25,
        0,
        -0.25,
        -0.5,
    ]
    table = drawn(32, N)
    near = layers.relative_bias(table, jnp.arange(100, 103))
    assert (near == layers.relative_bias(table, jnp.arange(3))).all()


@pytest.mark.parametrize(
    ("buckets", "most", "both"), [(32, 128, True), (32, 128, False), (8, 20, True)]
)
def test_t5s_buckets_are_the_published_ones_in_float32(buckets, most, both):
    """As torch computes them in the models, at every distance."""
    torch = pytest.importorskip("torch", reason="the published code is torch's")
    offsets = np.arange(-400, 401)
    n, half = torch.tensor(-offsets), buckets // 2 if both else buckets
    side = (n < 0).long() * half if both else torch.zeros_like(n)
    n = n.abs() if both else n.clamp(min=0)
    exact_ = half // 2
    ratio = torch.log(n.float() / exact_) / math.log(most / exact_) * (half - exact_)
    large = exact_ + ratio.clamp(min=0).long()
    expected = side + torch.where(n < exact_, n, large.clamp(max=half - 1))
    got = layers.relative_buckets(
        jnp.asarray(offsets), buckets=buckets, max_distance=most, bidirectional=both
    )
    assert got.tolist() == expected.tolist()


def test_sinusoids_are_accurate_far_away():
    """1e6 tokens on, float32 is within 1e-6 of float64."""
    positions = jnp.array([10**6 + 3, 77777])
    single = layers.sinusoidal(positions, 16)
    with jax.enable_x64(True):
        double = layers.sinusoidal(jnp.array([10**6 + 3, 77777]), 16)
    assert single.dtype == jnp.float32 and double.dtype == jnp.float64
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-6)


def test_what_does_not_fit_is_told():
    """Odd sizes, too many pairs, tables that are too short."""
    with pytest.raises(ValueError, match="rotary_frequencies: size must be even"):
        layers.rotary_frequencies(5)
    with pytest.raises(ValueError, match="rotary_halves: angles must be .time, pairs."):
        layers.rotary_halves(drawn(T, N, H), drawn(T, H))
    with pytest.raises(ValueError, match="learned_positions: x must have at most 5"):
        layers.learned_positions(drawn(T, 3), drawn(5, 3))
    with pytest.raises(ValueError, match=r"must be in \[0, 5\); got 7"):
        layers.learned_positions(drawn(1, 3), drawn(5, 3), jnp.array([7]))
    late = jax.jit(layers.learned_positions)(drawn(1, 3), drawn(5, 3), jnp.array([7]))
    assert np.isnan(late).all()
    with pytest.raises(ValueError, match="relative_buckets: buckets must be"):
        layers.relative_buckets(jnp.arange(3), buckets=3)
    with pytest.raises(ValueError, match="sinusoidal_2d: size must be a multiple of 4"):
        layers.sinusoidal_2d(2, 2, 6)
    with pytest.raises(ValueError, match="yarn_frequencies: low must be below high"):
        layers.yarn_frequencies(8, 2.0, original=100, low=40.0)
