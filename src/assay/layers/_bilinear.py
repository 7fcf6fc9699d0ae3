"""A dense layer of two inputs."""

import jax.numpy as jnp

from assay import _check
from assay.layers._precision import product, spread
from assay.typing import Array, Float


def bilinear_dense(
    x: Float[Array, "*batch i"],
    y: Float[Array, "*batch j"],
    kernel: Float[Array, "i j o"],
    bias: Float[Array, " o"] | None = None,
) -> Float[Array, "*batch o"]:
    """Σᵢⱼ xᵢ yⱼ kernel[i, j, o] + bias[o].

    >>> bilinear_dense(
    ...     jnp.array([1.0, 2.0]), jnp.array([3.0]), jnp.ones((2, 1, 1))).tolist()
    [9.0]

    torch `nn.Bilinear`, whose weight is (o, i, j).
    """
    who, sizes = "bilinear_dense", jnp.shape(kernel)
    if len(sizes) != 3 or (jnp.shape(x)[-1:], jnp.shape(y)[-1:]) != (
        sizes[:1],
        sizes[1:2],
    ):
        must = "kernel must be (features of x, features of y, outputs)"
        got = f"kernel.shape={sizes}, x.shape={jnp.shape(x)}, y.shape={jnp.shape(y)}"
        _check.fail(who, must, got)
    x, y = jnp.asarray(x), jnp.asarray(y)
    if x.shape[:-1] != y.shape[:-1]:
        must = "x and y must have the same batch axes"
        _check.fail(who, must, f"x.shape={x.shape}, y.shape={y.shape}")
    flat = jnp.reshape(kernel, (sizes[0], sizes[1] * sizes[2]))
    inner = jnp.reshape(product(who, x, flat), (*x.shape[:-1], *sizes[1:]))
    z = jnp.sum(
        inner * jnp.broadcast_to(y.astype(inner.dtype)[..., None], inner.shape), -2
    )
    if bias is not None:
        z = z + spread(who, "bias", bias, z)
    return z.astype(x.dtype)
