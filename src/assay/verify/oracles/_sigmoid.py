"""The functions of eˣ: sigmoid, softplus, silu, tanh, mish and their company."""

import math

from assay.verify.oracles._oracle import Oracle, Root, namespace, rooted

LOG2 = math.log(2)


def decay(x):
    """e^−|x|."""
    return namespace(x).exp(-abs(x))


def sigmoid(x):
    xp, e = namespace(x), decay(x)
    return xp.where(x >= 0, 1.0, e) / (1 + e)


def dsigmoid(x):
    e = decay(x)
    return e / (1 + e) ** 2


def ddsigmoid(x):
    return -dsigmoid(x) * tanh(x / 2)


def softplus(x):
    xp = namespace(x)
    return xp.maximum(x, 0.0) + xp.log1p(decay(x))


def log_sigmoid(x):
    return -softplus(-x)


def tanh(x):
    return -namespace(x).sign(x) * _fall(x) / (1 + decay(2 * x))


def _fall(x):
    """e^−2|x| − 1."""
    return namespace(x).expm1(-2 * abs(x))


def sech2(x):
    e = decay(x)
    return (2 * e / (1 + e * e)) ** 2


def ddtanh(x):
    return -2 * tanh(x) * sech2(x)


# Roots in two words: scripts/oracles.py --roots makes them.
SILU_ROOT: Root = (-1.2784645427610737, -1.0946994183093437e-16)
SILU_BEND: Root = (2.3993572805154675, 1.8464872855353363e-16)
QUICK_ROOT: Root = (-0.751154255441289, 4.696480973567411e-17)
QUICK_BEND: Root = (1.4097281319127306, 1.0092252730192822e-16)
QUICK = 1.702


def gate(x, c=1.0):
    """x·σ(c·x), 0 at −∞."""
    x = namespace(x).maximum(x, -700.0)
    return x * sigmoid(c * x)


def dgate(x, c=1.0, root=SILU_ROOT):
    """e^u (1 + e^u + u) / (1 + e^u)², u = c·x."""
    xp = namespace(x)
    x = xp.clip(x, -350.0, 150.0)
    e = xp.exp(c * x)
    top = rooted(x, ((0, 1.0, 1.0), (1, 1.0, 0.0)), (root,), c)
    return e * top / (1 + e) ** 2


def ddgate(x, c=1.0, bend=SILU_BEND):
    """c·e^u (2 (1 + e^u) − u (e^u − 1)) / (1 + e^u)³, even in u."""
    xp = namespace(x)
    x = -xp.minimum(abs(x), 350.0)
    e = xp.exp(c * x)
    root = -bend[0], -bend[1]
    top = rooted(x, ((0, 2.0, 1.0), (1, 2.0, -1.0)), (root,), c)
    return c * e * top / (1 + e) ** 3


def quick_gelu(x):
    return gate(x, QUICK)


def dquick_gelu(x):
    return dgate(x, QUICK, QUICK_ROOT)


def ddquick_gelu(x):
    return ddgate(x, QUICK, QUICK_BEND)


MISH_ROOT: Root = (-1.1924312145154952, -4.8484829848031044e-17)
MISH_BENDS: tuple[Root, Root] = (
    (-2.256376396360793, -1.0703174875019247e-16),
    (1.4905711794854284, 7.126036715834263e-17),
)


def _mish_parts(x):
    """(x where e⁶ˣ fits, eˣ, δ = e²ˣ + 2eˣ + 2); tanh of softplus is eˣ(eˣ + 2)/δ."""
    xp = namespace(x)
    x = xp.clip(x, -700.0, 100.0)
    e = xp.exp(x)
    return x, e, e * (e + 2) + 2


def mish(x):
    xp = namespace(x)
    _, e, over = _mish_parts(x)
    return xp.maximum(x, -700.0) * (e * (e + 2) / over)


def dmish(x):
    """eˣ (e³ˣ + 4e²ˣ + 6eˣ + 4 + 4x (eˣ + 1)) / δ²."""
    x, e, over = _mish_parts(x)
    terms = (0, 4.0, 4.0), (1, 6.0, 4.0), (2, 4.0, 0.0), (3, 1.0, 0.0)
    return e * rooted(x, terms, (MISH_ROOT,)) / over**2


def ddmish(x):
    """4eˣ (2e³ˣ + 6e²ˣ + 8eˣ + 4 + x (2 + 2eˣ − 3e²ˣ − 2e³ˣ)) / δ³."""
    x, e, over = _mish_parts(x)
    terms = (0, 4.0, 2.0), (1, 8.0, 2.0), (2, 6.0, -3.0), (3, 2.0, -2.0)
    return 4 * e * rooted(x, terms, MISH_BENDS) / over**3


def tanh_shrink(x):
    """x − tanh x; near 0 by Σ 2k x²ᵏ⁺¹ / (2k + 1)!, which is x cosh x − sinh x."""
    xp = namespace(x)
    near = xp.clip(x, -1.0, 1.0)
    square, total = near * near, 0.0 * near
    for k in range(11, 0, -1):
        total = total * square + 2 * k / math.factorial(2 * k + 1)
    e = decay(near)
    small = near * square * total * (2 * e / (1 + e * e))
    return xp.where(abs(x) < 1, small, x - tanh(x))


def log_cosh(x):
    """|x| + log1p(e^−2|x|) − log 2; near 0 log1p of cosh x − 1 = (eˣ − 1)² / 2eˣ."""
    xp = namespace(x)
    size = abs(x)
    near = xp.minimum(size, 1.0)
    small = xp.log1p(xp.expm1(near) ** 2 / (2 * xp.exp(near)))
    return xp.where(size < 1, small, size - LOG2 + xp.log1p(decay(2 * x)))


def logit(x):
    """log x − log(1 − x); 2x − 1 is exact, so near 1/2 it is a log1p of that."""
    xp = namespace(x)
    middle = xp.log1p((2 * x - 1) / (1 - x))
    return xp.where(abs(x - 0.5) < 0.25, middle, xp.log(x) - xp.log1p(-x))


def _within(x):
    """x, NaN outside [0, 1]."""
    xp = namespace(x)
    return xp.where((x < 0) | (x > 1), math.nan, x)


def dlogit(x):
    x = _within(x)
    return 1 / (x * (1 - x))


def ddlogit(x):
    x = _within(x)
    return (2 * x - 1) / (x * (1 - x)) ** 2


def _positive(x):
    """x, NaN below 0."""
    return namespace(x).where(x < 0, math.nan, x)


def log1mexp(x):
    """log(1 − e⁻ˣ)."""
    xp, x = namespace(x), _positive(x)
    near = xp.log(-xp.expm1(-xp.minimum(x, 1.0)))
    return xp.where(x < LOG2, near, xp.log1p(-xp.exp(-x)))


def dlog1mexp(x):
    x = _positive(x)
    return -namespace(x).exp(-x) / namespace(x).expm1(-x)


def ddlog1mexp(x):
    xp, x = namespace(x), _positive(x)
    return -xp.exp(-x) / xp.expm1(-x) ** 2


def exp(x):
    return namespace(x).exp(x)


def _both(root):
    return (-root[0], root[0])


_SILU = Oracle(
    gate, dgate, ddgate, (), (SILU_ROOT[0], *_both(SILU_BEND)), _both(SILU_BEND)
)
_MISH_BENDS = tuple(r[0] for r in MISH_BENDS)

SIGMOIDS = {
    "sigmoid": Oracle(sigmoid, dsigmoid, ddsigmoid, (), (0.0,)),
    "log_sigmoid": Oracle(log_sigmoid, lambda x: sigmoid(-x), lambda x: -dsigmoid(x)),
    "softplus": Oracle(softplus, sigmoid, dsigmoid),
    "silu": _SILU,
    "swish": _SILU,
    "quick_gelu": Oracle(
        quick_gelu,
        dquick_gelu,
        ddquick_gelu,
        (),
        (QUICK_ROOT[0], *_both(QUICK_BEND)),
        _both(QUICK_BEND),
    ),
    "tanh": Oracle(tanh, sech2, ddtanh, (), (0.0,)),
    "mish": Oracle(mish, dmish, ddmish, (), (MISH_ROOT[0], *_MISH_BENDS), _MISH_BENDS),
    "tanh_shrink": Oracle(
        tanh_shrink, lambda x: tanh(x) ** 2, lambda x: -ddtanh(x), (), (0.0,)
    ),
    "logit": Oracle(logit, dlogit, ddlogit, (0.0, 1.0), (0.5,), (0.5,), (0.0, 1.0)),
    "log1mexp": Oracle(log1mexp, dlog1mexp, ddlog1mexp, (0.0,), domain=(0.0, math.inf)),
    "exponential": Oracle(exp, exp, exp),
}
