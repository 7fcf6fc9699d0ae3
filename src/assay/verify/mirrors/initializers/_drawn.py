"""jax.nn.initializers, with the same key: the numbers themselves, not the moments."""

from collections.abc import Callable
from typing import Any

import jax
import jax.nn.initializers as peer
import jax.numpy as jnp

from assay.verify.mirrors._given import mark

same_numbers = mark(property=True, source="jax.nn.initializers", ulp=2.0)
SHAPES = ((5, 7), (3, 4, 6), (9, 2))


def _both(ours: Callable, theirs: Callable, shapes: Any = SHAPES) -> tuple:
    """(ours, theirs) for one key and several shapes, in float32."""
    key = jax.random.key(3)
    drawn = [[f(key, s, jnp.float32) for s in shapes] for f in (ours, theirs)]
    return drawn[0], drawn[1]


def _made(name: str, *arguments: tuple, shapes: Any = SHAPES) -> Callable:
    """The property of a maker: what it makes for each of the `arguments`."""

    @same_numbers
    def mirror(ours: Callable) -> tuple:
        makers = [(ours(*a), getattr(peer, name)(*a)) for a in arguments]
        pairs = [_both(*both, shapes) for both in makers]
        return [got for got, _ in pairs], [expected for _, expected in pairs]

    return mirror


AXES = ((), (-1, 0), ((0, 1), -1))

constant = _made("constant", (0.3,), (-7,))
uniform = _made("uniform", (), (3.0,))
normal = _made("normal", (), (3.0,))
truncated_normal = _made("truncated_normal", (), (2.0, None, -1.0, 0.5))
variance_scaling = _made(
    "variance_scaling",
    *[
        (scale, mode, distribution)
        for scale, mode in zip(
            (0.5, 1.0, 2.0, 3.0),
            ("fan_in", "fan_out", "fan_avg", "fan_geo_avg"),
            strict=True,
        )
        for distribution in ("truncated_normal", "normal", "uniform")
    ],
    (1.0, "fan_in", "normal", 0, -1, 1),
)
glorot_uniform = xavier_uniform = _made("glorot_uniform", *AXES)
glorot_normal = xavier_normal = _made("glorot_normal", *AXES)
he_uniform = kaiming_uniform = _made("he_uniform", *AXES)
he_normal = kaiming_normal = _made("he_normal", *AXES)
lecun_uniform = _made("lecun_uniform", *AXES)
lecun_normal = _made("lecun_normal", *AXES)
orthogonal = _made("orthogonal", (), (2.0,), (1.0, 0))
WINDOWS = ((3, 2, 5), (2, 4, 3, 3), (1, 3, 5, 2, 4))
delta_orthogonal = _made("delta_orthogonal", (), (2.0,), shapes=WINDOWS)


@same_numbers
def zeros(ours: Callable) -> tuple:
    """The initializer itself, not a maker."""
    return _both(ours, peer.zeros)


@same_numbers
def ones(ours: Callable) -> tuple:
    """The initializer itself, not a maker."""
    return _both(ours, peer.ones)
