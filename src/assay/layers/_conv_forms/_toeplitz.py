"""A long window in 1-d: blocks of outputs as one matrix product.

T outputs read T + k − 1 inputs, through a matrix whose every row is the kernel, one
place further on, among zeros. As 0 · NaN is NaN, a block would carry a NaN or infinity
to outputs that never saw it: where one is found, XLA's own form answers.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap

from assay import _geometry
from assay.layers._conv_forms import _shared
from assay.layers._conv_forms._lax import LAX

BLOCK = 128  # outputs; 64 and 256 took up to 1.7 times as long at k = 256 and 1024


def _value(w: _geometry.Window, x, kernel, bias):
    def direct(x, kernel):
        return LAX.value(w, x, kernel, None)

    def blocks(x, kernel):
        return _blocks(w, x, kernel)

    y = lax.cond(_finite(x), blocks, direct, x, kernel)
    return y if bias is None else y + jnp.broadcast_to(bias, y.shape)


def _pull(w: _geometry.Window, x, kernel, bias, g):
    def direct(x, kernel, g):
        return LAX.pull(w, x, kernel, None, g)[:2]

    def blocks(x, kernel, g):
        (k,), ((low, high),) = w.size, w.pads
        back = w._replace(pads=((k - 1 - low, k - 1 - high),))
        dx = _blocks(back, g, jnp.swapaxes(jnp.flip(kernel, 0), 1, 2))
        read, (n, _, o) = _read(w, x), g.shape
        ct = _lengthened(g, 0, len(read) // n * BLOCK)
        ct = jnp.swapaxes(ct.reshape(len(read), BLOCK, o), 1, 2).reshape(len(read), -1)
        # The sum along the diagonals is the transpose of laying out the matrix.
        _, diagonals = jax.vjp(_matrix, kernel)
        return dx, *diagonals(ct.T @ read)

    dx, dkernel = lax.cond(_finite(x, g), blocks, direct, x, kernel, g)
    return dx, dkernel, _shared.bias_pull(bias, g.reshape(-1, g.shape[-1]).T)


def _blocks(w: _geometry.Window, x, kernel):
    """(n, places, c) to (n, out, o)."""
    read, (n, _, o) = _read(w, x), (len(x), 0, kernel.shape[-1])
    y = (read @ _matrix(kernel).T).reshape(n, len(read) // n, o, BLOCK)
    y = jnp.swapaxes(y, 2, 3).reshape(n, -1, o)
    return lax.slice_in_dim(y, 0, x.shape[1] + sum(w.pads[0]) - w.size[0] + 1, axis=1)


def _read(w: _geometry.Window, x):
    """(n · blocks, places · c): what each block of outputs reads."""
    (k,), ((low, high),), (n, places, c) = w.size, w.pads, x.shape
    blocks, beyond = -(-(places + low + high - k + 1) // BLOCK), -(-(k - 1) // BLOCK)
    x = _lengthened(x, low, (blocks + beyond) * BLOCK)
    x = x.reshape(n, blocks + beyond, BLOCK * c)
    parts = [lax.slice_in_dim(x, r, r + blocks, axis=1) for r in range(beyond + 1)]
    return jnp.concatenate(parts, -1).reshape(n * blocks, -1)


def _lengthened(x, low, length):
    ends = [(0, 0, 0), (low, length - low - x.shape[1], 0), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), ends)


def _matrix(kernel):
    """(o · BLOCK, places · c): kernel[u − t, c, o] at [o, t, u, c], 0 elsewhere.

    The kernel among zeros, again and again, read in rows one place too short.
    """
    k, c, o = kernel.shape
    places = (1 - -(k - 1) // BLOCK) * BLOCK
    row = places + BLOCK - 1
    taps = jnp.moveaxis(kernel, -1, 0)
    taps = jnp.pad(taps, ((0, 0), (BLOCK - 1, row + 1 - k - (BLOCK - 1)), (0, 0)))
    rows = jnp.tile(taps, (1, BLOCK, 1))[:, : row * BLOCK].reshape(o, BLOCK, row, c)
    return rows[:, :, BLOCK - 1 :].reshape(o * BLOCK, places * c)


@custom_vmap
def _finite(*arrays):
    return jnp.array([jnp.isfinite(a).all() for a in arrays]).all()


@_finite.def_vmap
def _(size, batched, *arrays):  # one question for the whole batch: it stays a branch
    del size, batched
    return _finite(*arrays), False


def _fits(w: _geometry.Window, groups: int, x_shape, kernel_shape) -> bool:
    k, c, o = kernel_shape[0], *kernel_shape[-2:]
    plain = groups == len(w.size) == 1 and w.strides == w.dilation == (1,)
    # The matrix stays under 64 MiB; a batch of fewer outputs does not pay for it.
    small = BLOCK * (k + 2 * BLOCK) * c * o <= 2**24
    return plain and small and k >= 16 and x_shape[1] >= BLOCK


TOEPLITZ = _shared.Form(_value, _pull, _fits)
