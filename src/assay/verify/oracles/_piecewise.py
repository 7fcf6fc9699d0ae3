"""Functions in pieces: the derivatives at a corner are nobody's, NaN stays NaN."""

import functools

from assay.verify.oracles._oracle import Oracle, namespace

SCALE = 1.0507009873554804934193349852946  # of selu: Klambauer et al. 2017
ALPHA = 1.6732632423543772848170429916717
STAR = 0.8944, -0.4472  # of StarReLU: Yu et al. 2022


def pieces(x, corners, parts):
    """`parts[i]` between the corners i − 1 and i; each is a function or a number."""
    xp = namespace(x)
    y = _part(x, parts[0])
    for corner, part in zip(corners, parts[1:], strict=True):
        y = xp.where(x >= corner, _part(x, part), y)
    return xp.where(xp.isnan(x), x, y)


def _part(x, part):
    return part(x) if callable(part) else namespace(x).full_like(x, part)


def piecewise(corners, *orders, roots=()):
    """An oracle of three lists of pieces: of the value and of both derivatives."""

    def at(parts):
        return lambda x: pieces(x, corners, parts)

    value, first, second = map(at, orders)
    return Oracle(value, first, second, tuple(corners), roots)


def same(x):
    return x


def square(x):
    return x * x


def expm1(x):
    return namespace(x).expm1(namespace(x).minimum(x, 0.0))


def expb(x):
    return namespace(x).exp(namespace(x).minimum(x, 0.0))


def times(c, f):
    """c·f(x)."""
    return lambda x: c * f(x)


def plus(c, a=1.0):
    """a·x + c."""
    return lambda x: a * x + c


def _star(x):
    """s·x² + b = s (x² − 1/2), as b is −s/2; x² is exact for a float32 x."""
    return STAR[0] * (x * x - 0.5)


RELU = piecewise((0.0,), (0.0, same), (0.0, 1.0), (0.0, 0.0))
ELU = piecewise((0.0,), (expm1, same), (expb, 1.0), (expb, 0.0))
HARD_SILU = piecewise(
    (-3.0, 3.0),
    (0.0, lambda x: x * (x + 3) / 6, same),
    (0.0, lambda x: (2 * x + 3) / 6, 1.0),
    (0.0, 1 / 3, 0.0),
    roots=(-1.5,),
)


def constant(c):
    """c everywhere, NaN included: what does not look at x at all."""
    return lambda x: namespace(x).full_like(x, c)


def flat(value, *kinks):
    """A function whose derivative is 0 by decree."""
    none = functools.partial(pieces, corners=(), parts=(0.0,))
    return Oracle(value, none, none, kinks)


def hard_shrink(x):
    """0 where |x| ≤ 1/2; the function jumps, so both its corners must be right."""
    return namespace(x).where(abs(x) <= 0.5, 0.0, x)


IDENTITY = Oracle(same, constant(1.0), constant(0.0))


PIECES = {
    "identity": IDENTITY,
    "linear": IDENTITY,
    "step": flat(lambda x: pieces(x, (0.0,), (0.0, 1.0)), 0.0),
    "sign": flat(lambda x: namespace(x).sign(x), 0.0),
    "relu": RELU,
    "relu6": piecewise((0.0, 6.0), (0.0, same, 6.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0)),
    "leaky_relu": piecewise((0.0,), (times(0.01, same), same), (0.01, 1.0), (0.0, 0.0)),
    "elu": ELU,
    "celu": ELU,
    "selu": piecewise(
        (0.0,),
        (times(SCALE * ALPHA, expm1), times(SCALE, same)),
        (times(SCALE * ALPHA, expb), SCALE),
        (times(SCALE * ALPHA, expb), 0.0),
    ),
    "hard_sigmoid": piecewise(
        (-3.0, 3.0),
        (0.0, lambda x: (x + 3) / 6, 1.0),
        (0.0, 1 / 6, 0.0),
        (0.0, 0.0, 0.0),
    ),
    "hard_silu": HARD_SILU,
    "hard_swish": HARD_SILU,
    "hard_tanh": piecewise(
        (-1.0, 1.0), (-1.0, same, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0)
    ),
    "hard_mish": piecewise(
        (-2.0, 0.0),
        (0.0, lambda x: x * (x + 2) / 2, same),
        (0.0, plus(1.0), 1.0),
        (0.0, 1.0, 0.0),
        roots=(-1.0,),
    ),
    "hard_shrink": piecewise(
        (-0.5, 0.5), (same, 0.0, same), (1.0, 0.0, 1.0), (0.0, 0.0, 0.0)
    )._replace(value=hard_shrink),
    "soft_shrink": piecewise(
        (-0.5, 0.5), (plus(0.5), 0.0, plus(-0.5)), (1.0, 0.0, 1.0), (0.0, 0.0, 0.0)
    ),
    "sparse_plus": piecewise(
        (-1.0, 1.0),
        (0.0, lambda x: (x + 1) ** 2 / 4, same),
        (0.0, plus(0.5, 0.5), 1.0),
        (0.0, 0.5, 0.0),
    ),
    "sparse_sigmoid": piecewise(
        (-1.0, 1.0), (0.0, plus(0.5, 0.5), 1.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.0)
    ),
    "squared_relu": piecewise((0.0,), (0.0, square), (0.0, plus(0.0, 2.0)), (0.0, 2.0)),
    "star_relu": piecewise(
        (0.0,), (STAR[1], _star), (0.0, plus(0.0, 2 * STAR[0])), (0.0, 2 * STAR[0])
    ),
}
