"""The laws for makers of functions, initializers and optimizers, found by discovery."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import initializers
from assay.verify import _laws, discover

# What has no default: everything else is made with none.
NEEDED = {
    "constant": (0.5,),
    "variance_scaling": (1.0, "fan_in", "normal"),
    "depth_scaled": (initializers.normal(), 3),
    "mup_readout": (2,),
    "sparse": (0.5,),
    "torch_bias": (7,),
}
SHAPES = {name: (3, 3, 4, 6) for name in ("bilinear_upsampling", "dirac")}
SHAPES["delta_orthogonal"] = (3, 3, 4, 6)
INITIALIZERS = sorted(set(discover("initializers")) - {"calculate_gain"})  # a number

OPTIMIZERS = [
    name
    for name, make in discover("optim").items()
    if next(iter(inspect.signature(make).parameters), "") == "learning_rate"
    # Line searches ask for the loss itself: test_verify_contract gives it to them.
    and name not in {"scale_by_learning_rate", "lbfgs", "polyak_sgd"}
]


def initializer(name):
    """The initializer of that name: itself, or what its factory makes."""
    f = discover("initializers")[name]
    made = "key" in inspect.signature(f).parameters
    return f if made else f(*NEEDED.get(name, ()))


def advance(tx):
    """One step as a pure function of arrays, which is what the laws speak about."""

    def step(gradients, params):
        return tx.update(gradients, tx.init(params), params)[0]

    return step


@pytest.mark.parametrize("name", INITIALIZERS)
def test_an_initializer_takes_both_kinds_of_key_and_lowers_everywhere(name):
    """Also: the same key gives the same numbers, and x64 leaves float32 alone."""
    init, shape = initializer(name), SHAPES.get(name, (4, 6))
    draw = jax.jit(lambda key: init(key, shape, jnp.float32))
    typed, old = draw(jax.random.key(3)), draw(jax.random.PRNGKey(3))
    np.testing.assert_array_equal(typed, old)
    with jax.enable_x64(True):
        wide = jax.eval_shape(lambda k: init(k, shape, jnp.float32), jax.random.key(3))
    assert wide.dtype == jnp.float32
    exported = jax.export.export(draw, platforms=_laws.PLATFORMS)(jax.random.key(3))
    assert exported.platforms == _laws.PLATFORMS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_keeps_the_laws(name):
    """Mapped, sharded, and lowered everywhere; the rest is in its contract."""
    rng = np.random.default_rng(1)
    inputs = {n: rng.standard_normal((4, 6)) for n in ("gradients", "params")}
    subject = _laws.Subject(advance(discover("optim")[name](0.1)), inputs)
    _laws.takes_an_empty_axis(subject)
    _laws.lowers_everywhere(subject)
    _laws.runs_mapped_and_sharded(subject)


def test_the_optimizers_are_found():
    assert {"sgd", "momentum", "adagrad", "rmsprop", "adam"} <= set(OPTIMIZERS)
