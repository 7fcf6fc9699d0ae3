"""Every random initializer, by moments and a Kolmogorov-Smirnov test at one key."""

import jax
import numpy as np
import pytest
import scipy.stats as st

from assay import initializers as i
from assay.verify import discover

SHAPE = (200, 250)  # fan in 200, fan out 250: 50,000 draws
RARE = 1e-3  # a right distribution fails one test in a thousand, and the key is fixed
CUT = 0.87962566103423978
FIXED = {"bilinear_upsampling", "calculate_gain", "constant", "dirac", "eye"}
FIXED |= {"identity", "ones", "zeros"}
TURNED = {"orthogonal", "delta_orthogonal"}


def flat(variance):
    """Uniform of mean 0."""
    a = np.sqrt(3 * variance)
    return st.uniform(-a, 2 * a)


def cut(variance):
    """Normal within two of its deviations before the cut."""
    return st.truncnorm(-2, 2, scale=np.sqrt(variance) / CUT)


def bell(variance):
    """Normal of mean 0."""
    return st.norm(scale=np.sqrt(variance))


DRAWN = {
    "depth_scaled": (i.depth_scaled(i.normal(0.02), 8), bell(0.02**2 / 16)),
    "glorot_normal": (i.glorot_normal(), cut(2 / 450)),
    "glorot_uniform": (i.glorot_uniform(), flat(2 / 450)),
    "he_normal": (i.he_normal(), cut(2 / 200)),
    "he_uniform": (i.he_uniform(), flat(2 / 200)),
    "kaiming_normal": (i.kaiming_normal(), cut(2 / 200)),
    "kaiming_uniform": (i.kaiming_uniform(), flat(2 / 200)),
    "lecun_normal": (i.lecun_normal(), cut(1 / 200)),
    "lecun_uniform": (i.lecun_uniform(), flat(1 / 200)),
    "mup_readout": (i.mup_readout(50, scale=2.0), bell(2 * 50 / 200**2)),
    "normal": (i.normal(3.0), bell(9.0)),
    "sparse": (i.sparse(0.3, stddev=2.0), bell(4.0)),
    "torch_bias": (i.torch_bias(25), flat(1 / 75)),
    "torch_kernel": (i.torch_kernel(), flat(1 / 600)),
    "truncated_normal": (
        i.truncated_normal(2.0, None, -1.0, 0.5),
        st.truncnorm(-1.0, 0.5, scale=2.0),
    ),
    "uniform": (i.uniform(3.0), st.uniform(0, 3)),
    "uniform_scaling": (i.uniform_scaling(2.0), flat(4 / 200)),
    "variance_scaling": (i.variance_scaling(3.0, "fan_out", "normal"), bell(3 / 250)),
    "xavier_normal": (i.xavier_normal(), cut(2 / 450)),
    "xavier_uniform": (i.xavier_uniform(), flat(2 / 450)),
}


def test_none_is_forgotten():
    """Whatever the room has is drawn here, turned, or fixed."""
    assert set(discover("initializers")) == set(DRAWN) | TURNED | FIXED


@pytest.mark.parametrize("name", list(DRAWN))
def test_the_distribution(name):
    """Mean and variance within five standard errors; no gap to the distribution."""
    make, law = DRAWN[name]
    # Op by op: what jax.random compiles is the same for many of them.
    w = np.asarray(make(jax.random.key(1), SHAPE), np.float64)
    if name == "sparse":
        assert ((w == 0).sum(0) == 60).all()
        w = w[w != 0]
    mean, variance, kurtosis = (float(m) for m in law.stats("mvk"))
    assert abs(w.mean() - mean) < 5 * np.sqrt(variance / w.size)
    assert abs(w.var() / variance - 1) < 5 * np.sqrt((kurtosis + 2) / w.size)
    assert st.kstest(w.ravel(), law.cdf).pvalue > RARE


@pytest.mark.parametrize("name", sorted(TURNED))
def test_an_orthogonal_matrix_is_uniformly_turned(name):
    """An entry of a turned unit vector in four dimensions: beta of 3/2 and 3/2.

    QR alone would give the first column a sign, and the last another.
    """
    make, shape = getattr(i, name)(), (4, 4) if name == "orthogonal" else (3, 4, 4)
    keys = jax.random.split(jax.random.key(2), 3000)
    q = np.asarray(jax.jit(jax.vmap(lambda key: make(key, shape)))(keys))
    q = q if name == "orthogonal" else q[:, 1]
    for entry in (q[:, 0, 0], q[:, 3, 3], q[:, 0, 3]):
        assert st.kstest((entry + 1) / 2, st.beta(1.5, 1.5).cdf).pvalue > RARE


def test_torchs_layers_are_drawn_alike():
    """torch.nn.Linear and Conv2d: the same bounds, the same distribution."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    dense, conv = torch.nn.Linear(50, 400), torch.nn.Conv2d(6, 300, (3, 5))
    for layer, shape in ((dense, (50, 400)), (conv, (3, 5, 6, 300))):
        fan_in = int(np.prod(shape[:-1]))
        ours = (
            i.torch_kernel()(jax.random.key(3), shape),
            i.torch_bias(fan_in)(jax.random.key(4), shape[-1:]),
        )
        theirs = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        for w, other in zip(map(np.asarray, ours), theirs, strict=True):
            assert np.abs(other).max() <= 1 / np.sqrt(fan_in)
            assert np.abs(w).max() <= 1 / np.sqrt(fan_in)
            assert st.ks_2samp(w.ravel(), other.ravel()).pvalue > RARE
