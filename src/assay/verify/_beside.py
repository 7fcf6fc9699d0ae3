"""A function of one array beside its peers: everybody's distance from the oracle."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from assay.verify import _accuracy, _sections
from assay.verify._accuracy import Accuracy, Orders
from assay.verify._bounds import Bound
from assay.verify.oracles import ORACLES

COUNT = 2**16  # random bit patterns a function; the tests take a million
BINS = 240  # of a picture
SPAN = 2.0**8  # as far as a picture goes, on either side


class Beside(NamedTuple):
    """What was measured of one oracle: ours first, then every peer that is there."""

    key: str
    bound: Bound | None
    found: dict[str, Accuracy]  # by library, "assay" for ours

    @property
    def faults(self) -> list[str]:
        """What breaks the stated bound, in words; [] if nothing does."""
        mine, bound = self.found["assay"], self.bound or Bound(np.inf)
        told = [f"no limit at {x:g}" for x in mine.limits]
        limits = bound.value, bound.first, bound.second
        orders = zip(_accuracy.ORDERS, mine.orders, limits, strict=True)
        for order, worst, limit in orders:
            if limit is not None and not worst.ulp <= limit:
                told.append(f"{order} {worst.ulp:.3g} ULP at {worst.at:.9g}")
        return told


def beside(key: str, count: int = COUNT) -> Beside:
    """Ours and the installed peers on the same inputs."""
    oracle = ORACLES[key]
    x = _accuracy.inputs(oracle, count)
    true = _accuracy.truths(oracle, x)
    found = {}
    for library, f in everybody(key):
        with np.errstate(all="ignore"):
            errors = _accuracy.errors(f(x), true, oracle, x)
        found[library] = _accuracy.worst(errors, x)
    return Beside(key, _sections.stated(key), found)


def everybody(key: str) -> Iterator[tuple[str, Callable[[np.ndarray], Orders]]]:
    """("assay", ours) and the peers, each as x -> (value, first, second)."""
    ours = _sections.ours(key)
    if ours is None:
        raise LookupError(f"the house has no {key}")
    yield "assay", _accuracy.differentiated(ours)
    yield from _sections.peers(key)


def all_beside(room: str, name: str) -> tuple[Beside, ...]:
    """One for each oracle that speaks of a public function."""
    return tuple(beside(key) for key in _sections.oracles_of(room, name))


class Curve(NamedTuple):
    """The worst error in each of some bins of the domain."""

    x: np.ndarray
    ulp: np.ndarray


def curves(key: str) -> dict[str, tuple[Curve, Curve, Curve]]:
    """For a picture: by library, the errors over the domain in each order."""
    oracle = ORACLES[key]
    size = np.geomspace(2.0**-12, SPAN, 20_000)
    whole = np.concatenate([-size, size, np.linspace(-10, 10, 20_001)])
    low, high = oracle.domain
    x = np.unique(whole[(whole >= low) & (whole <= high)].astype(np.float32))
    true = _accuracy.truths(oracle, x)
    found = {}
    for library, f in everybody(key):
        with np.errstate(all="ignore"):
            errors = _accuracy.errors(f(x), true, oracle, x)
        found[library] = tuple(_binned(x, e) for e in errors)
    return found


def _binned(x: np.ndarray, error: np.ndarray) -> Curve:
    """The greatest error of neighbours in the asinh of x."""
    place = np.arcsinh(x.astype(np.float64) * 100)
    edges = np.linspace(place[0], place[-1], BINS + 1)
    starts = np.unique(np.searchsorted(place, edges[:-1]))
    top = np.maximum.reduceat(np.nan_to_num(error, nan=np.inf), starts)
    return Curve(x[starts], top)
