"""The linear recurrent unit: complex numbers, turned and shrunk at each step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from assay import _check
from assay.layers._linear_recurrence import linear_recurrence, without
from assay.layers._precision import product, spread, wide
from assay.typing import Array, Bool, Float, Key


class LRUParams(NamedTuple):
    """The weights of `lru`; complex ones as two real ones beside one another."""

    nu_log: Float[Array, " n"]  # |λ| = exp(−exp(ν))
    theta_log: Float[Array, " n"]  # the angle of λ is exp(θ)
    gamma_log: Float[Array, " n"]
    kernel: Float[Array, "i 2n"]  # Re B, Im B
    output_kernel: Float[Array, "2n i"]  # Re C, −Im C
    skip: Float[Array, " i"]


def lru(
    params: LRUParams,
    carry: Float[Array, "*batch h"],
    x: Float[Array, "*batch time i"],
    *,
    mask: Bool[Array, "*batch time"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch time i"]]:
    """hₜ = λ hₜ₋₁ + e^γ B xₜ, yₜ = Re(C hₜ) + D xₜ, λ = exp(−e^ν + i e^θ).

    The carry holds the real parts of h, then the imaginary ones. What
    `recurrent(lru_cell, ...)` gives, all steps together.

    >>> params = LRUParams(jnp.zeros(1), jnp.zeros(1), jnp.zeros(1), jnp.ones((1, 2)),
    ...     jnp.ones((2, 1)), jnp.ones(1))
    >>> last, y = lru(params, jnp.zeros(2), jnp.array([[1.0], [0.0]]))
    >>> y[:, 0].tolist()
    [3.0, 0.3975...]

    Orvieto et al. 2023, arXiv:2303.06349.
    """
    who = "lru"
    _check.rank_at_least(who, "x", x, 2, "(*batch, time, features)")
    x, dtype = without(who, mask, x), jnp.result_type(carry)
    b = _driven(who, params, x)
    a = jnp.broadcast_to(_eigenvalues(params), b.shape)
    h, hs = linear_recurrence(a, b, _paired(carry), mask=mask, reverse=reverse)
    y = _read(who, params, hs, x)  # 0 where x and h are
    return _apart(h).astype(dtype), y


def lru_cell(
    params: LRUParams, carry: Float[Array, "*batch h"], x: Float[Array, "*batch i"]
) -> tuple[Float[Array, "*batch h"], Float[Array, "*batch i"]]:
    """h′ = λ h + e^γ B x, y = Re(C h′) + D x, λ = exp(−e^ν + i e^θ): a step of `lru`.

    >>> params = LRUParams(jnp.zeros(1), jnp.zeros(1), jnp.zeros(1), jnp.ones((1, 2)),
    ...     jnp.ones((2, 1)), jnp.ones(1))
    >>> carry, y = lru_cell(params, jnp.zeros(2), jnp.ones(1))
    >>> y.tolist()
    [3.0]

    Orvieto et al. 2023, arXiv:2303.06349.
    """
    x = jnp.asarray(x)
    b = _driven("lru_cell", params, x)
    h = jnp.broadcast_to(_eigenvalues(params), b.shape) * _paired(carry) + b
    return _apart(h).astype(carry.dtype), _read("lru_cell", params, h, x)


def lru_params(
    inputs: int,
    units: int,
    *,
    radius: tuple[float, float] = (0.0, 1.0),
    max_phase: float = 6.283185307179586,
    key: Key,
) -> LRUParams:
    """λ uniform on the ring r₁ ≤ |λ| ≤ r₂, 0 ≤ angle ≤ max_phase; γ = log √(1 − |λ|²).

    B, C and D are normal, of variance 1/(2 inputs), 1/units and 1. Long sequences want
    a ring close to 1 and a small `max_phase`.

    >>> params = lru_params(3, 100, radius=(0.9, 0.99), key=jax.random.key(0))
    >>> size = jnp.exp(-jnp.exp(params.nu_log))
    >>> bool((size >= 0.9).all() and (size <= 0.99).all())
    True

    Orvieto et al. 2023, arXiv:2303.06349, lemma 3.2 and section 3.4.
    """
    low, high = radius
    if not 0 <= low < high <= 1:
        _check.fail("lru_params", "radius must be 0 <= low < high <= 1", radius)
    keys = jax.random.split(key, 5)
    tiny = float(jnp.finfo(jnp.float32).tiny)
    u, v = (jax.random.uniform(k, (units,), minval=tiny) for k in keys[:2])
    square = u * (high**2 - low**2) + low**2  # of |λ|: uniform in the area
    b = jax.random.normal(keys[2], (inputs, 2 * units)) / (2 * inputs) ** 0.5
    c = jax.random.normal(keys[3], (2 * units, inputs)) / units**0.5
    return LRUParams(
        nu_log=jnp.log(-0.5 * jnp.log(square)),
        theta_log=jnp.log(max_phase * v),
        gamma_log=0.5 * jnp.log1p(-square),
        kernel=b,
        output_kernel=c,
        skip=jax.random.normal(keys[4], (inputs,)),
    )


def _eigenvalues(params: LRUParams) -> Array:
    """λ, computed in float32 where the weights are narrower."""
    nu, theta = (v.astype(wide(v.dtype)) for v in map(jnp.asarray, params[:2]))
    size, angle = jnp.exp(-jnp.exp(nu)), jnp.exp(theta)
    return jax.lax.complex(size * jnp.cos(angle), size * jnp.sin(angle))


def _driven(who: str, params: LRUParams, x: Array) -> Array:
    """e^γ B x."""
    real, imaginary = jnp.split(product(who, x, params.kernel), 2, axis=-1)
    gamma = jnp.asarray(params.gamma_log, real.dtype)
    gamma = spread(who, "gamma_log", jnp.exp(gamma), real)
    return jax.lax.complex(gamma * real, gamma * imaginary)


def _read(who: str, params: LRUParams, h: Array, x: Array) -> Array:
    """Re(C h) + D x in x's dtype."""
    kernel = jnp.asarray(params.output_kernel)
    y = product(who, _apart(h), kernel.astype(wide(kernel.dtype)), "h")
    y = y + spread(who, "skip", params.skip, y) * x.astype(y.dtype)
    return y.astype(x.dtype)


def _paired(carry: Array) -> Array:
    """Two real numbers as a complex one."""
    carry = jnp.asarray(carry)
    real, imaginary = jnp.split(carry.astype(wide(carry.dtype)), 2, axis=-1)
    return jax.lax.complex(real, imaginary)


def _apart(h: Array) -> Array:
    return jnp.concatenate([jnp.real(h), jnp.imag(h)], axis=-1)
