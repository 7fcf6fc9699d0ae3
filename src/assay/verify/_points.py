"""Where a function is measured: random bit patterns, and the points that matter."""

import numpy as np

from assay.verify.oracles import Oracle

# Where e⁻ˣ meets half an ULP of 1, subnormals, 0 and infinity; so for e⁻²ˣ and e^−x².
EDGES = (
    *(9.010913, 13.0, 16.635532, 17.328680, 43.668275, 44.361419, 51.986),
    *(87.336548, 88.029694, 88.722839, 103.278930, 103.972084),
    *(3.8325, 4.0787, 5.0, 7.9995, 9.345, 10.05, 13.1, 14.1, 0.25, 0.5, 0.75, 1.0, 2.0),
    *(2.0**-12, 2.0**-24, 1e-10, 1.55e19, 1.84e19, 1e30, 1.7e38, 3.4e38),
)
NEIGHBOURS = 8  # on either side


def patterns(count: int, seed: int = 0) -> np.ndarray:
    """Random 32 bits as floats: every exponent alike, NaN and infinity too."""
    bits = np.random.default_rng(seed).integers(0, 2**32, count, np.uint32)
    return bits.view(np.float32)


def moderate(count: int, seed: int = 0) -> np.ndarray:
    """Random floats of magnitude 2⁻⁸ to 2⁷, each binade alike: where functions bend."""
    rng = np.random.default_rng(seed)
    size = np.exp2(rng.uniform(-8, 7, count))
    return (size * rng.choice([-1.0, 1.0], count)).astype(np.float32)


def beside(points: np.ndarray) -> np.ndarray:
    """The floats nearest to the points, and their neighbours."""
    low = high = np.asarray(points, np.float32)
    found = [low]
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(NEIGHBOURS):
            low = np.nextafter(low, np.float32(-np.inf))
            high = np.nextafter(high, np.float32(np.inf))
            found += [low, high]
    return np.concatenate(found)


def special(oracle: Oracle) -> np.ndarray:
    """Powers of two, and neighbours of edges, kinks and roots of the derivatives."""
    powers = np.exp2(np.arange(-126, 128))
    sides = np.concatenate([powers, EDGES, np.subtract(1, powers[100:126])])
    own = np.array([*oracle.kinks, *oracle.roots, *oracle.bends, 0.0])
    return np.concatenate(
        [beside(np.concatenate([own, EDGES, np.negative(EDGES)])), sides, -sides],
        dtype=np.float32,
    )


def flushed(x: np.ndarray) -> np.ndarray:
    """Subnormals as the signed zeros that XLA on CPU makes of them."""
    return np.where(np.abs(x) < 2.0**-126, np.copysign(np.float32(0), x), x)


def within(x: np.ndarray, oracle: Oracle) -> np.ndarray:
    """Which points lie in the function's domain."""
    low, high = oracle.domain
    return (x >= low) & (x <= high)


def inside(x: np.ndarray, oracle: Oracle) -> np.ndarray:
    """The points within the function's domain."""
    return x[within(x, oracle)]
