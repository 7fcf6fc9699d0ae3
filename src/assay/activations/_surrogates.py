"""Step and sign whose derivative is another function's, so that networks can learn.

The value is that of `step` or `sign` exactly. The derivative is what each name says, in
forward and reverse mode, and so are the derivatives of that: a Hessian is that of a
smooth network with the activities of the hard one. `steepness` itself gets none, and
`assay.autodiff.straight_through` makes others.
"""

import math

import jax
import jax.numpy as jnp

from assay import _check
from assay._numerics import compiled, derivative, rounded_once
from assay.activations._flat import flat, inside
from assay.activations._piecewise import _sign, step
from assay.activations._tanh import tanh
from assay.typing import Array, Float, Scalar


def _surrogate(hard, slope):
    """hard(x) with the derivative slope(x, c), for c an array like x."""
    f = jax.custom_jvp(lambda x, c: hard(x))
    f.defjvps(lambda t, y, x, c: t * slope(x, c), None)

    @compiled
    @rounded_once
    def call(x, c):
        return f(x, jnp.broadcast_to(jnp.asarray(c, x.dtype), x.shape))

    return call


def _checked(who, **numbers):
    for name, c in numbers.items():
        if isinstance(c, (int, float)) and not c > 0:
            _check.fail(who, f"{name} must be positive", c)


@derivative(lambda u: jnp.where(jnp.abs(u) < 1, -jnp.sign(u), flat(u)))
def _tent(u):
    """max(0, 1 − |u|); no derivative at its corners."""
    return jnp.where(jnp.abs(u) < 1, 1 - jnp.abs(u), flat(u))


@derivative(lambda u: -tanh(u / 2) / 2 * _hump(u))
def _hump(u):
    """√σ′(u) = 1 / (e^(u/2) + e^(−u/2)).

    Its square may be subnormal where steepness times that is a normal number.
    """
    h = jnp.exp(-jnp.abs(u) / 2)
    return h / (1 + h * h)


@derivative(lambda u: -2 * (u * _witch(u)) * _witch(u))
def _witch(u):
    """1 / (1 + u²)."""
    return 1 / (1 + u * u)


def _angle(u):
    """π/2 · u, up to where its square overflows, to the 0 that its bell is there."""
    return jnp.clip(math.pi / 2 * u, -(2.0**64), 2.0**64)


@derivative(lambda u: -2 * jnp.sign(u) * _cusp(u) / (1 + jnp.abs(u)))
def _cusp(u):
    """1 / (1 + |u|)²."""
    r = 1 / (1 + jnp.abs(u))
    return r * r


_STEP = {
    "one": _surrogate(step, lambda x, c: 1 + flat(x)),
    "sigmoid": _surrogate(step, lambda x, c: c * _hump(c * x) * _hump(c * x)),
    "tent": _surrogate(step, lambda x, c: c * _tent(x)),
    "witch": _surrogate(step, lambda x, c: c / 2 * _witch(_angle(c * x))),
    "cusp": _surrogate(step, lambda x, c: _cusp(c * x)),
}
_SIGN = {
    "one": _surrogate(_sign, lambda x, c: 1 + flat(x)),
    "sigmoid": _surrogate(_sign, lambda x, c: 2 * c * _hump(c * x) * _hump(c * x)),
    "tent": _surrogate(_sign, lambda x, c: 2 * c * _tent(x)),
}


def step_straight_through(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 if x ≥ 0, else 0; the derivative is 1 everywhere.

    >>> step_straight_through(-3.0).item(), jax.grad(step_straight_through)(-3.0).item()
    (0.0, 1.0)

    Hinton 2012, Coursera; Bengio et al. 2013, arXiv:1308.3432.

    Float32, CPU: within 0 ULP; derivatives 0.
    """
    return _STEP["one"](x, 1.0)


def step_sigmoid(
    x: Float[Array, "*shape"], *, steepness: Scalar = 4.0
) -> Float[Array, "*shape"]:
    """1 if x ≥ 0, else 0; the derivative is that of σ(steepness · x).

    That is k σ(kx) σ(−kx): at 0 it is steepness/4.

    >>> step_sigmoid(0.0).item(), jax.grad(step_sigmoid)(0.0).item()
    (1.0, 1.0)

    Neftci et al. 2019, arXiv:1901.09948.

    Float32, CPU: within 0 ULP; derivatives 6.
    """
    _checked("step_sigmoid", steepness=steepness)
    return _STEP["sigmoid"](x, steepness)


def step_triangular(
    x: Float[Array, "*shape"], *, dampening: Scalar = 1.0
) -> Float[Array, "*shape"]:
    """1 if x ≥ 0, else 0; the derivative is dampening · max(0, 1 − |x|).

    LSNNs dampen by 0.3.

    >>> step_triangular(0.25).item(), jax.grad(step_triangular)(0.25).item()
    (1.0, 0.75)

    Esser et al. 2016, arXiv:1603.08270; Bellec et al. 2018, arXiv:1803.09574.

    Float32, CPU: within 0 ULP; derivatives 0.5.
    """
    _checked("step_triangular", dampening=dampening)
    return _STEP["tent"](x, dampening)


def step_arctan(
    x: Float[Array, "*shape"], *, steepness: Scalar = 2.0
) -> Float[Array, "*shape"]:
    """1 if x ≥ 0, else 0; the derivative is that of arctan(π/2 · steepness · x) / π.

    That is k/2 / (1 + (π/2 · kx)²): at 0 it is steepness/2.

    >>> step_arctan(0.0).item(), jax.grad(step_arctan)(0.0).item()
    (1.0, 1.0)

    Fang et al. 2021, arXiv:2007.05785.

    Float32, CPU: within 0 ULP; derivatives 5.
    """
    _checked("step_arctan", steepness=steepness)
    return _STEP["witch"](x, steepness)


def step_fast_sigmoid(
    x: Float[Array, "*shape"], *, steepness: Scalar = 10.0
) -> Float[Array, "*shape"]:
    """1 if x ≥ 0, else 0; the derivative is 1 / (1 + steepness · |x|)².

    SuperSpike's: at 0 it is 1, and its tails are long.

    >>> step_fast_sigmoid(-0.1).item(), jax.grad(step_fast_sigmoid)(-0.1).item()
    (0.0, 0.25)

    Zenke and Ganguli 2018, arXiv:1705.11146.

    Float32, CPU: within 0 ULP; derivatives 6.
    """
    _checked("step_fast_sigmoid", steepness=steepness)
    return _STEP["cusp"](x, steepness)


def sign_straight_through(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """-1, 0 or 1: the sign of x; the derivative is 1 everywhere.

    >>> sign_straight_through(-3.0).item(), jax.grad(sign_straight_through)(-3.0).item()
    (-1.0, 1.0)

    Bengio et al. 2013, arXiv:1308.3432.

    Float32, CPU: within 0 ULP; derivatives 0.
    """
    return _SIGN["one"](x, 1.0)


def sign_sigmoid(
    x: Float[Array, "*shape"], *, steepness: Scalar = 2.0
) -> Float[Array, "*shape"]:
    """-1, 0 or 1: the sign of x; the derivative is that of 2 σ(steepness · x) − 1.

    With the default that function is tanh x. At 0 its derivative is steepness/2.

    >>> sign_sigmoid(0.0).item(), jax.grad(sign_sigmoid)(0.0).item()
    (0.0, 1.0)

    Neftci et al. 2019, arXiv:1901.09948.

    Float32, CPU: within 0 ULP; derivatives 6.
    """
    _checked("sign_sigmoid", steepness=steepness)
    return _SIGN["sigmoid"](x, steepness)


def sign_triangular(
    x: Float[Array, "*shape"], *, dampening: Scalar = 1.0
) -> Float[Array, "*shape"]:
    """-1, 0 or 1: the sign of x; the derivative is dampening · max(0, 2 − 2|x|).

    >>> sign_triangular(-0.25).item(), jax.grad(sign_triangular)(-0.25).item()
    (-1.0, 1.5)

    Liu et al. 2018, Bi-Real Net, arXiv:1808.00278.

    Float32, CPU: within 0 ULP; derivatives 0.5.
    """
    _checked("sign_triangular", dampening=dampening)
    return _SIGN["tent"](x, dampening)


_binarize = _surrogate(lambda x: 2 * step(x) - 1, lambda x, c: _window(x))
_ternarize = jax.custom_jvp(lambda x, c: jnp.where(jnp.abs(x) <= c, flat(x), _sign(x)))
_ternarize.defjvps(lambda t, y, x, c: t * _window(x), None)


def _window(x):
    """1 for |x| ≤ 1, the slope of hard_tanh."""
    return jnp.where(jnp.abs(x) == 1, 1, inside(x, -1, 1, 1))


def binarize(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 if x ≥ 0, else −1; the derivative is 1 for |x| ≤ 1 and 0 beyond.

    A weight or an activity in one bit, that of 0 included.

    >>> binarize(0.0).item(), jax.grad(binarize)(0.0).item()
    (1.0, 1.0)

    Hubara et al. 2016, arXiv:1602.02830.

    Float32, CPU: within 0 ULP; derivatives 0.
    """
    return _binarize(x, 1.0)


def ternarize(
    x: Float[Array, "*shape"], *, threshold: Scalar = 0.05
) -> Float[Array, "*shape"]:
    """sign(x) if |x| > threshold, else 0; the derivative is 1 for |x| ≤ 1, 0 beyond.

    Ternary weight networks take 0.7 times the mean of |x| for the threshold.

    >>> ternarize(jnp.array([-2.0, 0.01, 2.0])).tolist()
    [-1.0, 0.0, 1.0]

    Li et al. 2016, arXiv:1605.04711.

    Float32, CPU: within 0 ULP; derivatives 0.
    """
    _check.within("ternarize", "threshold", threshold, 0, jnp.inf)
    return _ternarized(x, threshold)


@compiled
@rounded_once
def _ternarized(x, threshold):
    return _ternarize(x, jnp.broadcast_to(jnp.asarray(threshold, x.dtype), x.shape))
