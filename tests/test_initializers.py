"""Initializers: fans, kernels that change nothing, arguments, what JAX's cannot do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import initializers, layers

MADE = [
    initializers.zeros,
    initializers.ones,
    initializers.constant(2.0),
    initializers.he_normal(),
    initializers.orthogonal(),
    initializers.identity(),
    initializers.torch_kernel(),
    initializers.mup_readout(4),
    initializers.depth_scaled(initializers.he_normal(), 2),
]
SHAPE = (300, 500)  # fan in 300, fan out 500: 150,000 draws


def drawn(init, shape=SHAPE, dtype=jnp.float32):
    return np.asarray(init(jax.random.key(1), shape, dtype), np.float64)


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


@pytest.mark.parametrize("window", [(3,), (4,), (2, 3), (1, 2, 5)])
@pytest.mark.parametrize("groups", [1, 3])
def test_a_dirac_convolution_is_the_identity(window, groups):
    """Under "SAME" padding, for odd and even windows, and in each group."""
    x = np.random.default_rng(0).standard_normal((2, *(5,) * len(window), 6))
    shape = (*window, 6 // groups, 6)
    kernel = initializers.dirac(groups=groups)(jax.random.key(0), shape)
    y = layers.grouped_conv(jnp.asarray(x, jnp.float32), kernel, padding="SAME")
    np.testing.assert_array_equal(y, np.float32(x))


def test_a_delta_orthogonal_convolution_keeps_the_norm():
    """Of every input, since the only weights are orthonormal rows."""
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 3)).astype(np.float32)
    kernel = initializers.delta_orthogonal()(jax.random.key(0), (3, 2, 3, 7))
    y = layers.conv(jnp.asarray(x), kernel, padding="SAME")
    np.testing.assert_allclose(np.linalg.norm(y), np.linalg.norm(x), rtol=1e-5)


def test_bilinear_upsampling_continues_a_ramp():
    """A transposed convolution of stride 2 halves its slope, each channel by itself."""
    ramp = np.arange(6.0)[None, :, None] * np.float32([1, -2])
    kernel = initializers.bilinear_upsampling()(jax.random.key(0), (4, 2, 2))
    ramp = jnp.asarray(ramp, jnp.float32)
    layout = ("NHC", "HIO", "NHC")
    y = jax.lax.conv_transpose(ramp, kernel, (2,), "SAME", dimension_numbers=layout)
    expected = np.arange(-0.25, 5.5, 0.5)[1:-1, None] * [1, -2]
    np.testing.assert_allclose(y[0, 1:-1], expected, atol=1e-6)


def test_mup_keeps_its_base_and_falls_with_the_width():
    """LeCun's deviation at the base, a quarter of it at four times the width."""
    narrow, wide = (drawn(initializers.mup_readout(64), (n, 999)) for n in (64, 256))
    assert abs(narrow.std() * 8 - 1) < 0.02
    assert abs(wide.std() * 32 - 1) < 0.02


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


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda i, k: i.dirac()(k, (2, 3)), "dirac.*at least 3 axes"),
        (lambda i, k: i.dirac(groups=2)(k, (3, 2, 3)), "multiple of groups; got.*=2"),
        (lambda i, k: i.identity()(k, (3,)), "identity.*at least 2 axes"),
        (lambda i, k: i.sparse(1.5), "sparsity must be in .0, 1.; got 1.5"),
        (lambda i, k: i.sparse(0.5)(k, (3,)), "sparse.*at least 2 axes"),
        (lambda i, k: i.delta_orthogonal()(k, (3, 4, 2)), "no fewer outputs than"),
        (lambda i, k: i.delta_orthogonal()(k, (4, 2)), "at least 3 axes"),
        (lambda i, k: i.torch_bias(-1), "fan_in must be in .0, inf.; got -1"),
        (lambda i, k: i.depth_scaled(i.normal(), 0), "layers must be in .1, inf.; got"),
        (lambda i, k: i.calculate_gain("relu7"), "Did you mean 'relu'"),
    ],
)
def test_the_new_ones_name_wrong_arguments(call, words):
    """Who, what must hold, and what was given."""
    with pytest.raises(ValueError, match=words):
        call(initializers, jax.random.key(0))
