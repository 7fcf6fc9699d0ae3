"""Convolution, pooling and resampling beside torch: values and gradients in float64."""

from collections import Counter

import jax
import numpy as np
import pytest

from assay.verify._function import QUICK
from tests import geometry, geometry_images

SOURCES = (
    geometry.convolutions,
    geometry.composed_convolutions,
    geometry.transposed_convolutions,
    geometry.pools,
    geometry.global_pools,
    geometry_images.interpolations,
    geometry_images.samples,
    geometry_images.grids,
    geometry_images.patches,
    geometry_images.borders,
    geometry_images.shuffles,
)
CASES = [case for source in SOURCES for case in source()]
LEAST = {"convolution": 50, "transposed": 40, "pooling": 30, "resampling": 80}
BOUND = 1e-10  # of the largest entry


def ours(case, cotangent):
    """The value, and what the cotangent pulls back to every argument: one program."""

    def both(arrays, cotangent):
        y, pull = jax.vjp(case.ours, *arrays)
        return y, *pull(cotangent)

    program = jax.jit(both, compiler_options=QUICK)
    return jax.device_get(program(case.arrays, cotangent))


def theirs(torch, case):
    """The same of torch, and an uneven cotangent."""
    tensors = [torch.tensor(a, requires_grad=True) for a in case.arrays]
    y = case.theirs(torch, *tensors)
    cotangent = np.random.default_rng(9).standard_normal(tuple(y.shape))
    slopes = torch.autograd.grad(y, tensors, torch.tensor(cotangent))
    return [a.detach().numpy() for a in (y, *slopes)], cotangent


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_values_and_gradients_are_torchs(case):
    torch = pytest.importorskip("torch", reason="torch is in the extra [torch]")
    expected, cotangent = theirs(torch, case)
    with jax.enable_x64(True):
        found = ours(case, cotangent)
    assert len(found) == len(expected)
    for mine, other in zip(found, expected, strict=True):
        assert mine.dtype == np.float64 and mine.size
        bound = BOUND * np.abs(other).max()
        np.testing.assert_allclose(mine, other, rtol=0, atol=bound)


def test_there_are_as_many_configurations_as_promised():
    """200 in all, of every kind, no two alike, no two axes of an input either."""
    counts = Counter(case.kind for case in CASES)
    assert counts.total() >= 200
    assert counts.keys() == LEAST.keys()
    assert all(counts[kind] >= least for kind, least in LEAST.items()), counts
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        shape = case.arrays[0].shape
        assert len(set(shape)) == len(shape), case.name
