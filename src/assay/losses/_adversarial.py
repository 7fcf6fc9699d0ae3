"""Losses of generators and discriminators, elementwise on the discriminator's logits.

`real` and `fake` are its outputs at data and at generated examples, of one shape.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from assay import _check, _numerics
from assay.activations import relu, softplus
from assay.losses._pair import _pair
from assay.typing import Array, Float, Key


def _logits(who: str, fake: Any) -> Array:
    _check.floating(who, fake=fake)
    return _numerics.wide(fake)


def gan_discriminator_loss(
    real: Float[Array, "*shape"], fake: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """−log σ(real) − log(1 − σ(fake)).

    >>> gan_discriminator_loss(jnp.array([0.0, 9.0]), jnp.array([0.0, -9.0])).tolist()
    [1.386..., 0.00024...]

    Goodfellow et al. 2014, arXiv:1406.2661.

    Float32, CPU: within 3 ULP.
    """
    r, f = _pair("gan_discriminator_loss", real=real, fake=fake)
    return _numerics.narrow(softplus(-r) + softplus(f), real)


def minimax_generator_loss(fake: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(1 − σ(fake)): what the discriminator maximizes; flat where it is sure.

    >>> minimax_generator_loss(jnp.array([0.0])).tolist()
    [-0.693...]

    Goodfellow et al. 2014, arXiv:1406.2661.

    Float32, CPU: within 3 ULP.
    """
    return _numerics.narrow(-softplus(_logits("minimax_generator_loss", fake)), fake)


def non_saturating_generator_loss(
    fake: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    """−log σ(fake): steep where the discriminator is sure.

    >>> non_saturating_generator_loss(jnp.array([0.0, -90.0])).tolist()
    [0.693..., 90.0]

    Goodfellow et al. 2014, arXiv:1406.2661.

    Float32, CPU: within 3 ULP.
    """
    x = _logits("non_saturating_generator_loss", fake)
    return _numerics.narrow(softplus(-x), fake)


def hinge_discriminator_loss(
    real: Float[Array, "*shape"], fake: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """max(0, 1 − real) + max(0, 1 + fake).

    Its generator's loss is `wasserstein_generator_loss`.

    >>> hinge_discriminator_loss(jnp.array([0.5, 2.0]), jnp.array([-3.0, 0.0])).tolist()
    [0.5, 1.0]

    Lim and Ye 2017, arXiv:1705.02894.

    Float32, CPU: within 2 ULP.
    """
    r, f = _pair("hinge_discriminator_loss", real=real, fake=fake)
    return _numerics.narrow(relu(1 - r) + relu(1 + f), real)


def least_squares_discriminator_loss(
    real: Float[Array, "*shape"], fake: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """½ (real − 1)² + ½ fake².

    >>> least_squares_discriminator_loss(jnp.array([1.0]), jnp.array([2.0])).tolist()
    [2.0]

    Mao et al. 2017, arXiv:1611.04076.

    Float32, CPU: within 3 ULP.
    """
    r, f = _pair("least_squares_discriminator_loss", real=real, fake=fake)
    return _numerics.narrow(((r - 1) ** 2 + f * f) / 2, real)


def least_squares_generator_loss(
    fake: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    """½ (fake − 1)².

    >>> least_squares_generator_loss(jnp.array([0.0, 1.0])).tolist()
    [0.5, 0.0]

    Mao et al. 2017, arXiv:1611.04076.

    Float32, CPU: within 3 ULP.
    """
    x = _logits("least_squares_generator_loss", fake)
    return _numerics.narrow((x - 1) ** 2 / 2, fake)


def wasserstein_critic_loss(
    real: Float[Array, "*shape"], fake: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """fake − real; add λ `gradient_penalty` to keep the critic's slope near 1.

    >>> wasserstein_critic_loss(jnp.array([2.0]), jnp.array([0.5])).tolist()
    [-1.5]

    Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875.

    Float32, CPU: within 0.5 ULP.
    """
    r, f = _pair("wasserstein_critic_loss", real=real, fake=fake)
    return _numerics.narrow(f - r, real)


def wasserstein_generator_loss(fake: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """−fake.

    >>> wasserstein_generator_loss(jnp.array([0.5])).tolist()
    [-0.5]

    Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875.

    Float32, CPU: within 0 ULP.
    """
    return -_logits("wasserstein_generator_loss", fake).astype(jnp.result_type(fake))


def _norm(g):
    """√Σg² of each example, whose derivative at 0 is 0."""
    size = jnp.max(jnp.abs(g), -1, keepdims=True)
    size = jax.lax.stop_gradient(jnp.where(size > 0, size, 1))
    square = jnp.sum((g / size) ** 2, -1, keepdims=True)
    root = jnp.sqrt(jnp.where(square > 0, square, 1)) * size
    return jnp.where(square > 0, root, 0)[..., 0]


def gradient_penalty(
    critic: Callable[[Array], Array],
    real: Float[Array, "batch ..."],
    fake: Float[Array, "batch ..."],
    key: Key,
) -> Float[Array, " batch"]:
    """(‖∇ critic(x̂)‖ − 1)² at x̂ = ε · real + (1 − ε) · fake, ε uniform by example.

    `critic` takes the batch and gives one number an example, of that example alone.

    >>> x, key = jnp.ones((2, 3)), jax.random.key(0)
    >>> gradient_penalty(lambda x: 2 * x[:, 0], x, 0 * x, key).tolist()
    [1.0, 1.0]

    Gulrajani et al. 2017, arXiv:1704.00028.

    Float32, CPU: within 8 ULP of max(1, ‖slope‖²).
    """
    r, f = _pair("gradient_penalty", real=real, fake=fake)
    _check.rank_at_least("gradient_penalty", "real", r, 2, "(batch, ...)")
    mix = jax.random.uniform(key, r.shape[:1], r.dtype)
    mix = jnp.broadcast_to(mix.reshape(-1, *[1] * (r.ndim - 1)), r.shape)
    x = (mix * r + (1 - mix) * f).astype(jnp.result_type(real))
    slopes = jax.grad(lambda x: jnp.sum(_numerics.wide(critic(x))))(x)
    norm = _norm(_numerics.wide(slopes).reshape(r.shape[0], -1))
    return _numerics.narrow((norm - 1) ** 2, real)
