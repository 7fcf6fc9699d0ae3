"""Initializers: moments as promised, wrong arguments, and what JAX's cannot do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import initializers

MADE = [
    initializers.zeros,
    initializers.ones,
    initializers.constant(2.0),
    initializers.he_normal(),
    initializers.orthogonal(),
]
SHAPE = (300, 500)  # fan in 300, fan out 500: 150,000 draws


def drawn(init, shape=SHAPE, dtype=jnp.float32):
    return np.asarray(init(jax.random.key(1), shape, dtype), np.float64)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / 800),
        ("glorot_normal", 2 / 800),
        ("xavier_uniform", 2 / 800),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
        ("kaiming_normal", 2 / 300),
        ("lecun_uniform", 1 / 300),
        ("lecun_normal", 1 / 300),
    ],
)
def test_moments(name, variance):
    """Mean 0 and the variance of the paper, within 5 standard errors."""
    w = drawn(getattr(initializers, name)())
    kurtosis = np.mean(w**4) / np.mean(w**2) ** 2
    assert abs(w.mean()) < 5 * np.sqrt(variance / w.size)
    assert abs(w.var() / variance - 1) < 5 * np.sqrt((kurtosis - 1) / w.size)


@pytest.mark.parametrize("name", ["normal", "he_normal", "he_uniform", "orthogonal"])
def test_jaxs_numbers_bit_for_bit(name):
    """Under jit, for the same key: swapping the import moves no weight."""
    draw = jax.jit(lambda key, init: init(key, (40, 30)), static_argnums=1)
    ours, theirs = (getattr(m, name)() for m in (initializers, jax.nn.initializers))
    key = jax.random.key(3)
    assert (draw(key, ours) == draw(key, theirs)).all()


@pytest.mark.parametrize(
    ("mode", "fan"),
    [
        ("fan_in", 9 * 4),
        ("fan_out", 9 * 600),
        ("fan_avg", 9 * 302),
        ("fan_geo_avg", 9 * np.sqrt(4 * 600)),
    ],
)
def test_fans_count_the_receptive_field(mode, fan):
    """A (3, 3, i, o) kernel has 9·i inputs and 9·o outputs."""
    init = initializers.variance_scaling(1.0, mode, "normal")
    w = drawn(init, (3, 3, 4, 600))
    assert abs(w.var() * fan - 1) < 0.05


def test_batch_axes_are_not_part_of_a_fan():
    """A stack of 50 matrices is drawn with the variance of one."""
    w = drawn(initializers.he_normal(batch_axis=0), (50, 40, 60))
    assert abs(w.var() * 40 / 2 - 1) < 0.05


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 4), (3, 2, 12)])
def test_orthogonal_is_orthonormal(shape):
    """The columns, or the rows if they are fewer, are orthonormal times the scale."""
    q = drawn(initializers.orthogonal(2.0), shape).reshape(-1, shape[-1]) / 2
    q = q if q.shape[0] >= q.shape[1] else q.T
    np.testing.assert_allclose(q.T @ q, np.eye(q.shape[1]), atol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_orthogonal_in_half_precision(dtype):
    """QR works in float32, which JAX's initializer leaves to the user."""
    w = initializers.orthogonal()(jax.random.key(0), (6, 4), dtype)
    assert w.dtype == dtype
    q = np.asarray(w, np.float64)
    np.testing.assert_allclose(q.T @ q, np.eye(4), atol=0.03)


def test_same_key_same_numbers_and_both_kinds_of_key():
    """A key is all that is random."""
    init = initializers.he_normal()
    typed = init(jax.random.key(7), (5, 3))
    assert (typed == init(jax.random.PRNGKey(7), (5, 3))).all()
    assert (typed != init(jax.random.key(8), (5, 3))).any()


def test_dtype_is_the_default_float_unless_said():
    """float32; float64 under x64; what the maker or the call says."""
    key = jax.random.key(0)
    assert initializers.zeros(key, (2,)).dtype == jnp.float32
    assert initializers.normal(dtype=jnp.bfloat16)(key, (2,)).dtype == jnp.bfloat16
    assert initializers.normal()(key, (2,), jnp.float16).dtype == jnp.float16
    with jax.enable_x64(True):
        assert initializers.glorot_normal()(key, (2, 3)).dtype == jnp.float64


def test_constant_takes_an_array():
    """A row for every row of the shape."""
    w = initializers.constant(jnp.array([[1.0, 2.0]]))(jax.random.key(0), (3, 2))
    assert w.tolist() == [[1, 2]] * 3


@pytest.mark.parametrize("name", ["he_normal", "lecun_uniform", "orthogonal"])
def test_empty_shapes(name):
    """A layer without inputs has an empty kernel, not a division by zero."""
    w = getattr(initializers, name)()(jax.random.key(0), (0, 3))
    assert w.shape == (0, 3)


@pytest.mark.parametrize("init", MADE, ids=lambda init: init.__qualname__)
@pytest.mark.parametrize("named", [True, False], ids=["sharding", "spec"])
def test_out_sharding(init, named):
    """The protocol's fourth argument places the array, eagerly and under jit."""
    mesh = jax.make_mesh((8,), ("d",), axis_types=(jax.sharding.AxisType.Explicit,))
    spec = jax.sharding.PartitionSpec("d", None)
    with jax.set_mesh(mesh):
        where = jax.sharding.NamedSharding(mesh, spec) if named else spec
        key = jax.random.key(0)
        eager = init(key, (8, 2), jnp.float32, where)
        jitted = jax.jit(lambda k: init(k, (8, 2), jnp.float32, where))(key)
    assert eager.sharding.spec == jitted.sharding.spec == spec


def test_wrong_arguments_are_named():
    """The typo is answered with the nearest name, the shape with what it lacks."""
    with pytest.raises(ValueError, match="mode must be one of.*Did you mean 'fan_in'"):
        initializers.variance_scaling(1.0, "fanin", "normal")
    with pytest.raises(ValueError, match="distribution must be one of"):
        initializers.variance_scaling(1.0, "fan_in", "gaussian")
    with pytest.raises(ValueError, match="an axis of inputs and one of outputs"):
        initializers.he_normal()(jax.random.key(0), (5,))
    with pytest.raises(ValueError, match="orthogonal.*at least 2 axes"):
        initializers.orthogonal()(jax.random.key(0), (5,))
