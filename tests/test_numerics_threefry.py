"""Our random bits are JAX's, for every kind of key."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32

from assay import bench
from assay._numerics import _threefry

KINDS = {
    "typed": lambda: jax.random.key(5),
    "raw": lambda: jax.random.PRNGKey(3),
    "rbg": lambda: jax.random.key(1, impl="rbg"),
}
EACH = pytest.mark.parametrize("kind", KINDS)


@EACH
def test_bits_are_those_of_jax(kind):
    """Bit for bit, at shapes that are empty and that have no axis too."""
    key = KINDS[kind]()
    for shape in [(3, 5), (), (2, 3, 4), (0, 3)]:
        known = jax.random.bits(key, shape, jnp.uint32)
        np.testing.assert_array_equal(_threefry.random_bits(key, shape), known)


@EACH
def test_normal_numbers_are_those_of_jax(kind):
    """To the last bit: the same draws, the same way to numbers."""
    key, shape = KINDS[kind](), (30, 50)
    known = jax.random.normal(key, shape, jnp.float32)
    np.testing.assert_array_equal(_threefry.random_normal(key, shape), known)


def test_rounds_are_those_of_threefry():
    """Blocks of any number, and the known answers of the paper's Random123."""
    key = jnp.array([0x13198A2E, 0x03707344], jnp.uint32)
    high, low = jnp.array([[0x243F6A88, 5], [0x85A308D3, 7]], jnp.uint32)
    x, y = _threefry.threefry(key, high, low)
    assert (int(x[0]), int(y[0])) == (0xC4923A9C, 0x483DF7A0)
    known = threefry_2x32(key, jnp.concatenate([high, low]))
    np.testing.assert_array_equal(jnp.concatenate([x, y]), known)


def test_one_key_is_one_draw_however_it_runs():
    """Under jit, vmap over keys, and scan."""
    keys = jax.random.split(jax.random.key(0), 3)
    draw = lambda k: _threefry.random_bits(k, (2, 5))  # noqa: E731
    each = np.stack([draw(k) for k in keys])
    _, scanned = jax.lax.scan(lambda c, k: (c, draw(k)), 0, keys)
    np.testing.assert_array_equal(jax.jit(jax.vmap(draw))(keys), each)
    np.testing.assert_array_equal(scanned, each)


def test_no_bits_are_kept(monkeypatch):
    """The program of a draw is one loop that no array lies between; JAX's is not."""

    def held_by_a_draw():
        f = lambda k: _threefry.random_bits(k, (512, 512)) >> 31 == 0  # noqa: E731
        return bench.prepare(f, jax.random.key(0)).memory

    held = held_by_a_draw()
    monkeypatch.setattr(_threefry, "MOST", 1)  # as if it had too many entries
    assert held < 512 * 512 <= held_by_a_draw()


def test_more_than_one_key_is_refused_as_jax_does():
    """Not drawn from the first of them."""
    with pytest.raises(ValueError, match="single key"):
        _threefry.random_bits(jax.random.split(jax.random.key(0)), (3,))
