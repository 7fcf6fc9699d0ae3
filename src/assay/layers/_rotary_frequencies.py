"""How fast each pair of rotary positions turns, and how longer contexts slow it down.

Frequencies are NumPy's float64, known before anything is traced: in float32 they would
be an angle of 1e-3 off at position 1e5. `rotary_angles` uses all of their digits.
"""

import math

import numpy as np

from assay import _check
from assay.typing import Float


def rotary_frequencies(
    size: int, *, theta: float = 10000.0
) -> Float[np.ndarray, " pairs"]:
    """θ^(−2i/size) for i = 0 … size/2 − 1: radians that pair i turns a position.

    `size` is that of the part that turns: smaller than a head for partial rotation.

    >>> rotary_frequencies(4).tolist()
    [1.0, 0.01]

    Su et al. 2021, arXiv:2104.09864.
    """
    _even("rotary_frequencies", size)
    return float(theta) ** (-np.arange(0, size, 2, dtype=np.float64) / size)


def linear_frequencies(
    frequencies: Float[np.ndarray, " pairs"], factor: float
) -> Float[np.ndarray, " pairs"]:
    """ω/factor: positions between those that were trained.

    >>> linear_frequencies(rotary_frequencies(4), 4.0).tolist()
    [0.25, 0.0025]

    Chen et al. 2023, arXiv:2306.15595.
    """
    return np.asarray(frequencies, np.float64) / factor


def ntk_frequencies(
    size: int, factor: float, *, theta: float = 10000.0
) -> Float[np.ndarray, " pairs"]:
    """`rotary_frequencies` of θ · factor^(size/(size − 2)): NTK-aware.

    The fastest pair turns as before, the slowest is slowed by `factor`.

    >>> ntk_frequencies(4, 4.0).round(6).tolist()
    [1.0, 0.0025]

    u/bloc97 2023; Peng et al. 2023, arXiv:2309.00071, section 3.1.
    """
    _even("ntk_frequencies", size, 4)
    return rotary_frequencies(size, theta=theta * factor ** (size / (size - 2)))


def dynamic_ntk_frequencies(
    size: int, factor: float, length: int, *, original: int, theta: float = 10000.0
) -> Float[np.ndarray, " pairs"]:
    """`ntk_frequencies` with factor · length/original − (factor − 1), at least 1.

    Up to the `original` length nothing changes; beyond, the slower the longer.

    >>> dynamic_ntk_frequencies(4, 2.0, 100, original=200).tolist()
    [1.0, 0.01]

    u/emozilla 2023; Peng et al. 2023, arXiv:2309.00071, section 3.3.
    """
    if length < 1 or original < 1:
        must = "length and original must be at least 1"
        _check.fail("dynamic_ntk_frequencies", must, (length, original))
    grown = max(1.0, factor * length / original - (factor - 1))
    return ntk_frequencies(size, grown, theta=theta)


def llama3_frequencies(
    frequencies: Float[np.ndarray, " pairs"],
    factor: float,
    *,
    original: int = 8192,
    low: float = 1.0,
    high: float = 4.0,
) -> Float[np.ndarray, " pairs"]:
    """((1 − s)/factor + s) ω, s = (turns − low)/(high − low) in [0, 1].

    `turns` are those that a pair makes within the `original` context: what turns more
    than `high` times stays, what turns less than `low` times is slowed by `factor`.

    >>> llama3_frequencies(rotary_frequencies(4), 8.0, original=100).tolist()
    [1.0, 0.00125]

    Grattafiori et al. 2024, arXiv:2407.21783, and the models' code.
    """
    if not low < high:
        _check.fail("llama3_frequencies", "low must be below high", (low, high))
    frequencies = np.asarray(frequencies, np.float64)
    turns = original * frequencies / (2 * math.pi)
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return ((1 - kept) / factor + kept) * frequencies


def yarn_frequencies(
    size: int,
    factor: float,
    *,
    original: int,
    theta: float = 10000.0,
    low: float = 1.0,
    high: float = 32.0,
) -> Float[np.ndarray, " pairs"]:
    """((1 − s)/factor + s) ω, s falling from 1 to 0 along the pairs.

    As `llama3_frequencies`, but s is linear in the number of the pair, between the pair
    that turns `high` times within the `original` context and the one that turns `low`
    times, both rounded outwards. `yarn_scale` belongs to it.

    >>> yarn_frequencies(4, 8.0, original=100).tolist()
    [1.0, 0.00125]

    Peng et al. 2023, arXiv:2309.00071, and its code.
    """
    if not low < high:
        _check.fail("yarn_frequencies", "low must be below high", (low, high))
    frequencies = rotary_frequencies(size, theta=theta)

    def pair(turns: float) -> float:
        """The number, a fraction too, of the pair that turns so often."""
        slowed = math.log(original / (2 * math.pi * turns))
        return size * slowed / (2 * math.log(theta))

    first, last = max(math.floor(pair(high)), 0), min(math.ceil(pair(low)), size - 1)
    width = (last - first) or 0.001  # the code's guard against 0/0
    kept = 1 - np.clip((np.arange(frequencies.size) - first) / width, 0, 1)
    return ((1 - kept) / factor + kept) * frequencies


def yarn_scale(factor: float) -> float:
    """0.1 ln(factor) + 1, for factor ≥ 1: by how much YaRN lengthens q and k each.

    >>> yarn_scale(1.0), round(yarn_scale(16.0), 4)
    (1.0, 1.2773)

    Peng et al. 2023, arXiv:2309.00071, equation 22.
    """
    return 0.1 * math.log(max(factor, 1.0)) + 1.0


def _even(who: str, size: int, least: int = 2) -> None:
    if size < least or size % 2:
        _check.fail(who, f"size must be even, at least {least}", size)
