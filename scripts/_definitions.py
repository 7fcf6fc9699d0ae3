"""Definitions in mpmath of what the oracles compute, on truncated Taylor series."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp


@dataclass(frozen=True, slots=True)
class Jet:
    """f, f′ and f″ at a point; arithmetic by the rules of differentiation."""

    f: Any
    d: Any
    dd: Any

    @staticmethod
    def variable(x: float) -> "Jet":
        """x itself, in the precision of the day."""
        return Jet(mp.mpf(x), mp.mpf(1), mp.mpf(0))

    def through(self, g: Any, dg: Any, ddg: Any) -> "Jet":
        """g of this, given g, g′ and g″ here."""
        return Jet(g, dg * self.d, ddg * self.d**2 + dg * self.dd)

    def __add__(self, other: Any) -> "Jet":
        other = _jet(other)
        return Jet(self.f + other.f, self.d + other.d, self.dd + other.dd)

    def __mul__(self, other: Any) -> "Jet":
        other = _jet(other)
        d = self.d * other.f + self.f * other.d
        cross = 2 * self.d * other.d
        return Jet(self.f * other.f, d, self.dd * other.f + cross + self.f * other.dd)

    def __neg__(self) -> "Jet":
        return Jet(-self.f, -self.d, -self.dd)

    def __sub__(self, other: Any) -> "Jet":
        return self + -_jet(other)

    def __rsub__(self, other: Any) -> "Jet":
        return _jet(other) - self

    def __truediv__(self, other: Any) -> "Jet":
        other = _jet(other)
        inverse = 1 / other.f
        return self * other.through(inverse, -(inverse**2), 2 * inverse**3)

    def __rtruediv__(self, other: Any) -> "Jet":
        return _jet(other) / self

    def __abs__(self) -> "Jet":
        return self if self.f >= 0 else -self

    __radd__ = __add__
    __rmul__ = __mul__


def _jet(x: Any) -> Jet:
    return x if isinstance(x, Jet) else Jet(mp.mpf(x), mp.mpf(0), mp.mpf(0))


def exp(x: Jet) -> Jet:
    e = mp.exp(x.f)
    return x.through(e, e, e)


def log(x: Jet) -> Jet:
    if x.f == 0:
        return Jet(-mp.inf, mp.inf, -mp.inf)
    return x.through(mp.log(x.f), 1 / x.f, -1 / x.f**2)


def sqrt(x: Jet) -> Jet:
    r = mp.sqrt(x.f)
    return x.through(r, 1 / (2 * r), -1 / (4 * r**3))


def sin(x: Jet) -> Jet:
    s, c = mp.sin(x.f), mp.cos(x.f)
    return x.through(s, c, -s)


def tanh(x: Jet) -> Jet:
    e = exp(-2 * abs(x))
    y = (1 - e) / (1 + e)
    return y if x.f >= 0 else -y


def cosh(x: Jet) -> Jet:
    return (exp(x) + exp(-x)) / 2


def normal_mass(x: Jet) -> Jet:
    pdf = mp.npdf(x.f)
    return x.through(mp.erfc(-x.f / mp.sqrt(2)) / 2, pdf, -x.f * pdf)


def of(text: str) -> Any:
    """A decimal constant, with all the bits of the day."""
    return mp.mpf(text)


def at(x: Jet, corners: tuple, *parts: Any) -> Any:
    """The part between the corners where x lies."""
    part = parts[sum(x.f >= c for c in corners)]
    return part(x) if callable(part) else _jet(part)


def same(x: Jet) -> Jet:
    return x


def softplus(x: Jet) -> Jet:
    return log(1 + exp(x))


def silu(x: Jet) -> Jet:
    return x / (1 + exp(-x))


def gelu(x: Jet) -> Jet:
    c = mp.sqrt(2 / mp.pi)
    return x / 2 * (1 + tanh(c * (x + of("0.044715") * x * x * x)))


def elu(x: Jet) -> Jet:
    return x if x.f > 0 else exp(x) - 1


def selu(x: Jet) -> Jet:
    scale = of("1.0507009873554804934193349852946")
    return scale * (x if x.f > 0 else of("1.6732632423543772848170429916717") * elu(x))


def hard_silu(x: Jet) -> Jet:
    return x * at(x, (-3, 3), 0, lambda x: (x + 3) / 6, 1)


def huber(x: Jet) -> Jet:
    size = abs(x)
    return x * x / 2 if size.f <= 1 else size - of("0.5")


def shrunk(x: Jet) -> Any:
    half = of("0.5")
    return at(x, (-half, half), lambda x: x + half, 0, lambda x: x - half)


def identity_or(x: Jet, corners: tuple) -> Any:
    return at(x, corners, same, 0, same)


DEFINITIONS: dict[str, Callable[[Jet], Any]] = {
    "sigmoid": lambda x: 1 / (1 + exp(-x)),
    "log_sigmoid": lambda x: log(1 / (1 + exp(-x))) if x.f < 99 else -softplus(-x),
    "softplus": softplus,
    "silu": silu,
    "swish": silu,
    "quick_gelu": lambda x: x / (1 + exp(of("-1.702") * x)),
    "tanh": tanh,
    "gelu": gelu,
    "gelu_exact": lambda x: x * normal_mass(x),
    "mish": lambda x: x * tanh(softplus(x)),
    "tanh_shrink": lambda x: x - tanh(x),
    "logit": lambda x: log(x / (1 - x)),
    "log1mexp": lambda x: log(1 - exp(-x)),
    "exponential": exp,
    "soft_sign": lambda x: x / (1 + abs(x)),
    "squareplus": lambda x: (x + sqrt(x * x + 4)) / 2,
    "gaussian": lambda x: exp(-x * x),
    "soft_cap": lambda x: 30 * tanh(x / 30),
    "sine": sin,
    "snake": lambda x: x + sin(x) * sin(x),
    "identity": same,
    "linear": same,
    "step": lambda x: at(x, (0,), 0, 1),
    "sign": lambda x: _jet(mp.sign(x.f)),
    "relu": lambda x: at(x, (0,), 0, same),
    "relu6": lambda x: at(x, (0, 6), 0, same, 6),
    "leaky_relu": lambda x: at(x, (0,), lambda x: of("0.01") * x, same),
    "elu": elu,
    "celu": elu,
    "selu": selu,
    "hard_sigmoid": lambda x: at(x, (-3, 3), 0, lambda x: (x + 3) / 6, 1),
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "hard_tanh": lambda x: at(x, (-1, 1), -1, same, 1),
    "hard_mish": lambda x: x / 2 * at(x, (-2, 0), 0, lambda x: x + 2, 2),
    "hard_shrink": lambda x: identity_or(x, (of("-0.5"), of("0.5"))),
    "soft_shrink": shrunk,
    "sparse_plus": lambda x: at(x, (-1, 1), 0, lambda x: (x + 1) * (x + 1) / 4, same),
    "sparse_sigmoid": lambda x: at(x, (-1, 1), 0, lambda x: (x + 1) / 2, 1),
    "squared_relu": lambda x: at(x, (0,), 0, lambda x: x * x),
    "star_relu": lambda x: (
        of("0.8944") * at(x, (0,), 0, lambda x: x * x) - of("0.4472")
    ),
    "losses.log_cosh": lambda x: log(cosh(x)),
    "losses.squared_error": lambda x: x * x,
    "losses.l2_loss": lambda x: x * x / 2,
    "losses.absolute_error": abs,
    "losses.huber_loss": huber,
    "losses.smooth_l1_loss": huber,
    "losses.sigmoid_binary_cross_entropy(1)": lambda x: softplus(-x),
    "losses.sigmoid_binary_cross_entropy(0)": softplus,
    "losses.soft_margin_loss(1)": lambda x: softplus(-x),
    "losses.hinge_loss(1)": lambda x: at(x, (1,), lambda x: 1 - x, 0),
    "losses.squared_hinge_loss(1)": lambda x: at(
        x, (1,), lambda x: (1 - x) * (1 - x), 0
    ),
    "losses.perceptron_loss(1)": lambda x: at(x, (0,), lambda x: -x, 0),
    "losses.poisson_nll_loss(1)": lambda x: exp(x) - x,
}


def _slope(name: str) -> Callable:
    return lambda x: DEFINITIONS[name](Jet.variable(x)).d


def _bend(name: str) -> Callable:
    return lambda x: DEFINITIONS[name](Jet.variable(x)).dd


ROOTS: dict[str, tuple[Callable, float]] = {
    "SILU_ROOT": (_slope("silu"), -1.28),
    "SILU_BEND": (_bend("silu"), 2.4),
    "QUICK_ROOT": (_slope("quick_gelu"), -0.75),
    "QUICK_BEND": (_bend("quick_gelu"), 1.41),
    "MISH_ROOT": (_slope("mish"), -1.19),
    "MISH_BENDS[0]": (_bend("mish"), -2.26),
    "MISH_BENDS[1]": (_bend("mish"), 1.49),
    "GELU_ROOT": (_slope("gelu_exact"), -0.75),
    "TANH_ROOT": (_slope("gelu"), -0.75),
    "TANH_BEND": (_bend("gelu"), 1.42),
}
