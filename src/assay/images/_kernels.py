"""Interpolation kernels, for NumPy's arrays and JAX's."""

from typing import Any

import numpy as np

KEYS = -0.75  # torch's and OpenCV's a; Keys himself and Pillow: −0.5


def cubic_near(s: Any, a: float = KEYS) -> Any:
    """Keys's spline at a distance of 0 ≤ s ≤ 1."""
    return ((a + 2) * s - (a + 3)) * s * s + 1


def cubic_far(s: Any, a: float = KEYS) -> Any:
    """Keys's spline at a distance of 1 ≤ s ≤ 2."""
    return ((a * s - 5 * a) * s + 8 * a) * s - 4 * a


def cubic(t: Any, a: float = KEYS) -> list:
    """The weights of the pixels at −1, 0, 1 and 2 for a place at 0 ≤ t < 1."""
    far, near, back = t + 1, 1 - t, 2 - t
    return [
        cubic_far(far, a),
        cubic_near(t, a),
        cubic_near(near, a),
        cubic_far(back, a),
    ]


def hat(s: Any) -> Any:
    """1 − |s| within a pixel."""
    return np.maximum(1 - np.abs(s), 0)


def keys(s: Any, a: float = -0.5) -> Any:
    """Keys's spline at any distance."""
    s = np.abs(s)
    beyond = np.where(s < 2, cubic_far(s, a), 0)
    return np.where(s < 1, cubic_near(s, a), beyond)


def lanczos(s: Any) -> Any:
    """sinc(s) · sinc(s / 3) within three pixels."""
    inside = (np.abs(s) < 3) & ((s == 0) | (s != np.round(s)))  # sinc(1) is 4e-17
    return np.where(inside, np.sinc(s) * np.sinc(s / 3), 0)
