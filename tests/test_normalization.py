"""Norms: accuracy at large means and scales, masks, devices, running statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers


def exactly_normal(x, axes, eps):
    x = np.asarray(x, np.float64)
    off = x - x.mean(axes, keepdims=True)
    off = off - off.mean(axes, keepdims=True)
    return off / np.sqrt((off**2).mean(axes, keepdims=True) + eps)


def torch_and_ours(ours, theirs, *arrays):
    """(value, gradients) of Σ sin(y), ours and torch's, in float64."""
    torch = pytest.importorskip("torch", reason="the second reference is torch")
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    theirs(*tensors).sin().sum().backward()
    with jax.enable_x64(True):
        f = lambda *a: jnp.sum(jnp.sin(ours(*a)))  # noqa: E731
        y, slopes = jax.jit(jax.value_and_grad(f, argnums=tuple(range(len(arrays)))))(
            *map(jnp.asarray, arrays)
        )
    value = theirs(*tensors).sin().sum().item()
    return (y, *slopes), (value, *(t.grad.numpy() for t in tensors))


def same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def draws(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s) for s in shapes]


def test_group_and_instance_norm_are_torchs():
    """Value and gradients, with torch's eps, channels moved to the end."""
    torch = pytest.importorskip("torch", reason="the second reference is torch")
    f, first = torch.nn.functional, (0, 3, 1, 2)
    arrays = draws((2, 4, 5, 6), 6, 6)
    same(
        *torch_and_ours(
            lambda x, s, b: layers.group_norm(x, s, b, groups=3, eps=1e-5),
            lambda x, s, b: f.group_norm(x.permute(first), 3, s, b),
            *arrays,
        )
    )
    same(
        *torch_and_ours(
            lambda x, s, b: layers.instance_norm(x, s, b, eps=1e-5),
            lambda x, s, b: f.instance_norm(x.permute(first), weight=s, bias=b),
            *arrays,
        )
    )


def test_rms_and_unit_norm_are_torchs():
    """Value and gradients."""
    torch = pytest.importorskip("torch", reason="the second reference is torch")
    f = torch.nn.functional
    x, scale = draws((3, 4, 5), (4, 5))
    same(
        *torch_and_ours(
            lambda x, s: layers.rms_norm(x, s, axis=(1, 2), eps=1e-3),
            lambda x, s: f.rms_norm(x, (4, 5), s, eps=1e-3),
            *(x, scale),
        )
    )
    same(*torch_and_ours(layers.unit_norm, lambda x: f.normalize(x, dim=-1), x))


@pytest.mark.parametrize("mean", [1e2, -1e4])
@pytest.mark.parametrize("kind", ["group", "instance", "masked"])
def test_every_norm_is_right_at_large_means(kind, mean):
    """1e-5 of the largest entry where the mean is up to 1e6 times the spread."""
    rng = np.random.default_rng(0)
    x = np.float32(mean + 1e-2 * rng.standard_normal((3, 40, 6)))
    if kind == "group":
        y = layers.group_norm(x, None, None, groups=2, spatial=1)
        true = exactly_normal(x.reshape(3, 40, 2, 3), (1, 3), 1e-6).reshape(x.shape)
    elif kind == "instance":
        y = layers.instance_norm(x, None, None, spatial=1)
        true = exactly_normal(x, 1, 1e-6)
    else:
        mask = np.arange(40) < np.array([[40], [1], [20]])
        y, _ = layers.batch_norm_moments(x, None, None, mask=mask)
        y, true = np.asarray(y)[mask], exactly_normal(x[mask], 0, 1e-5)
    assert np.abs(np.asarray(y, np.float64) - true).max() <= 1e-5 * np.abs(true).max()


NORMS = {
    "rms": lambda x: layers.rms_norm(x, None),
    "rms eps 0": lambda x: layers.rms_norm(x, None, eps=0),
    "layer eps 0": lambda x: layers.layer_norm(x, None, None, eps=0),
    "unit": layers.unit_norm,
    "group": lambda x: layers.group_norm(x, None, None, groups=2, spatial=0),
    "instance": lambda x: layers.instance_norm(x.T, None, None, spatial=1).T,
    "masked batch": lambda x: (
        layers.batch_norm_moments(x.T, None, None, mask=jnp.arange(x.shape[1]) > 0)[0].T
    ),
}


@pytest.mark.parametrize("name", list(NORMS))
def test_no_finite_row_gives_nan(name):
    """Of 0, tiny, huge and constant rows value, gradient and second are finite."""
    rows = [[0.0] * 8, [3e-39] * 8, [3.4e38, -3.4e38] * 4, [1e20] * 8, [-7.0] * 8]
    x = jnp.array([*rows, [1e-20, 0, 0, -2e-20, 0, 0, 0, 0]], jnp.float32)

    def total(v):
        return jnp.sum(jnp.sin(NORMS[name](v)))

    def all_three(v):
        return NORMS[name](v), *jax.jvp(jax.grad(total), (v,), (jnp.ones_like(v),))

    y, slope, bend = jax.jit(all_three)(x)
    assert jnp.isfinite(y).all()
    assert jnp.isfinite(slope).all() and jnp.isfinite(bend[:5:2]).all()


@pytest.mark.parametrize("scale", [1e20, 1e38])
def test_rms_norm_of_huge_rows(scale):
    """Squares would overflow; float32's own numbers do not."""
    x = scale * jnp.array([[1.0, -2.0, 3.0], [0.5, 0.0, 1e-3]])
    true = np.asarray(x, np.float64)
    true = true / np.sqrt((true**2).mean(-1, keepdims=True))
    np.testing.assert_allclose(layers.rms_norm(x, None), true, rtol=1e-6)


@pytest.mark.parametrize("value", [1e3 / 3, 1e12 / 3])
def test_a_constant_product_gives_0_in_one_program(value):
    """The compiler may not contract the caller's product with our subtraction."""

    @jax.jit
    def f(a, b):
        stats = layers.BatchStats(jnp.zeros(9), jnp.ones(9))
        return (
            layers.layer_norm(a * b, None, None),
            layers.batch_norm(a * b, None, None, stats)[0],
            layers.group_norm(a * b, None, None, groups=3, spatial=1),
        )

    for y in f(jnp.full((7, 9), value, jnp.float32), jnp.full((7, 9), 1.1)):
        assert (y == 0).all()


def test_masked_entries_do_not_count():
    """As the batch without them, in value and gradient, even if they are no numbers."""
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    x[1, 2:, 0], x[2, 3, 1:3], x[0, 0, 3:] = np.nan, np.inf, 3e38
    mask = (np.abs(x) < 1e38).all(-1)

    def total(v, mask):
        y, _ = layers.batch_norm_moments(v, None, None, mask=mask)
        return jnp.sum(jnp.sin(y)), y

    both = jax.jit(lambda *cases: [jax.grad(total, has_aux=True)(*c) for c in cases])
    (slope, y), (expected_slope, expected) = both((x, mask), (x[mask], None))
    y, slope = np.asarray(y), np.asarray(slope)
    np.testing.assert_allclose(y[mask], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slope[mask], expected_slope, rtol=1e-4, atol=1e-6)
    assert (slope[~mask] == 0).all() and (y[~mask] == 0).all()


def test_a_mask_of_nothing_leaves_the_statistics():
    """No example takes part: y is 0, the statistics stay."""
    stats = layers.BatchStats(jnp.full(3, 2.0), jnp.full(3, 4.0))
    x, mask = jnp.full((2, 3), jnp.nan), jnp.zeros(2, bool)
    y, batch = layers.batch_norm_moments(x, jnp.ones(3), jnp.ones(3), mask=mask)
    new = layers.update_batch_stats(stats, batch)
    assert (y == 0).all() and (new.mean == 2).all() and (new.var == 4).all()
    assert batch.mean.tolist() == batch.var.tolist() == batch.count.tolist() == [0] * 3


def test_devices_of_one_name_are_one_batch():
    """Parts of unlike means and sizes give the whole's value, moments and gradient."""
    x = 1e3 + np.random.default_rng(0).standard_normal((4, 5, 3))
    x = np.float32(x + 10 * np.arange(4.0)[:, None, None])
    mask = np.arange(5) < np.array([5, 1, 0, 3])[:, None]

    def whole(x):
        y, batch = layers.batch_norm_moments(x, None, None, mask=mask)
        return jnp.sum(jnp.sin(y)), (y, batch)

    def part(x, mask):
        return layers.batch_norm_moments(x, None, None, mask=mask, axis_name="d")

    def parts(x):
        y, batch = jax.vmap(part, axis_name="d")(x, mask)
        return jnp.sum(jnp.sin(y)), (y, jax.tree.map(lambda m: m[1], batch))

    both = jax.jit(lambda x: [jax.grad(f, has_aux=True)(x) for f in (whole, parts)])(x)
    (slope, (y, batch)), (slopes, (ys, batches)) = both
    np.testing.assert_allclose(ys, y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(slopes, slope, rtol=1e-4, atol=1e-5)
    for a, b in zip(batches, batch, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_shards_are_one_batch():
    """Under shard_map on eight devices: value, moments and gradient of the whole."""
    n = len(jax.devices())
    x = np.float32(300 + np.random.default_rng(0).standard_normal((2 * n, 3)))
    auto = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((n,), ("d",), axis_types=auto)
    cut, same = jax.sharding.PartitionSpec("d"), jax.sharding.PartitionSpec()

    def local(x):
        return layers.batch_norm_moments(x, None, None, axis_name="d")

    shards = jax.shard_map(local, mesh=mesh, in_specs=cut, out_specs=(cut, same))

    def total(f, x):
        y, batch = f(x)
        return jnp.sum(jnp.sin(y)), batch

    whole = lambda x: layers.batch_norm_moments(x, None, None)  # noqa: E731
    both = [
        jax.jit(jax.grad(lambda x, f=f: total(f, x), has_aux=True))(x)
        for f in (whole, shards)
    ]
    for a, b in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, 1e30])
def test_running_statistics_recover_from_a_bad_batch(bad):
    """A batch that is not finite, or whose variance is not, leaves its features."""
    stats = layers.BatchStats(jnp.full(2, 2.0), jnp.full(2, 4.0))
    x = jnp.array([[bad, 1.0], [0.0, 3.0]])
    _, new = jax.jit(layers.batch_norm)(x, None, None, stats)
    assert new.mean[0] == 2 and new.var[0] == 4
    np.testing.assert_allclose(new.mean[1], 2, rtol=1e-6)
    np.testing.assert_allclose(new.var[1], 0.99 * 4 + 0.01 * 1, rtol=1e-6)


def test_merged_moments_are_those_of_the_whole():
    """Parts of unlike sizes and means, an empty one too, in any order; by a scan."""
    rng = np.random.default_rng(0)
    x = np.float32(1e3 + np.arange(4.0)[:, None, None] + rng.random((4, 6, 3)))
    mask = np.arange(6) < np.array([0, 6, 1, 4])[:, None]
    mask = np.broadcast_to(mask[..., None], x.shape)

    @jax.jit
    def f(x, mask):
        whole = layers.moments(x, axis=(0, 1), mask=mask)
        none = jax.tree.map(jnp.zeros_like, whole)

        def step(seen, part):
            found = layers.moments(part[0], axis=0, mask=part[1])
            return layers.merge_moments(seen, found), None

        there, back = (
            jax.lax.scan(step, none, (x, mask), reverse=r)[0] for r in (False, True)
        )
        return whole, there, back

    whole, *both = f(x, mask)
    for found in both:
        assert (found.count == 11).all()
        np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-6)
        np.testing.assert_allclose(found.var, whole.var, rtol=1e-3)


def test_merged_moments_of_huge_counts_are_finite():
    """2e9 twice is more than int32 holds: the count stops there, the mean is right."""
    a = layers.Moments(jnp.zeros(1), jnp.ones(1), jnp.full(1, 2 * 10**9))
    b = a._replace(mean=jnp.full(1, 2.0))
    found = jax.jit(layers.merge_moments)(a, b)
    np.testing.assert_allclose(found.mean, 1, rtol=1e-6)
    np.testing.assert_allclose(found.var, 2, rtol=1e-6)
    assert found.count == 2**31 - 1


def test_poisoned_running_statistics_take_the_batchs():
    """NaN that a file or another library brought does not stay for ever."""
    stats = layers.BatchStats(jnp.array([jnp.nan, 1.0]), jnp.array([1.0, jnp.inf]))
    x = jnp.array([[1.0, 5.0], [3.0, 9.0]])
    _, new = layers.batch_norm(x, None, None, stats)
    assert new.mean.tolist() == [2, 7] and new.var.tolist() == [1, 4]


def test_half_precision_statistics_do_not_overflow():
    """float16 running statistics stay where the variance is above 65504."""
    stats = layers.BatchStats(jnp.ones(1, jnp.float16), jnp.ones(1, jnp.float16))
    x = jnp.array([[-3e3], [3e3]], jnp.float16)
    y, new = layers.batch_norm(x, None, None, stats)
    assert y.ravel().tolist() == [-1, 1]
    assert new.mean == 1 and new.var == 1


def test_unbiased_statistics_are_torchs():
    """Ten batches, running mean and variance of torch's BatchNorm in float64."""
    torch = pytest.importorskip("torch", reason="the second reference is torch")
    x = 3 + 2 * np.random.default_rng(0).standard_normal((10, 4, 5, 3))
    theirs = torch.nn.BatchNorm1d(3, dtype=torch.float64)
    for batch in x:
        theirs(torch.tensor(batch).permute(0, 2, 1))
    with jax.enable_x64(True):
        stats = layers.BatchStats(jnp.zeros(3), jnp.ones(3))

        def step(stats, x):
            _, batch = layers.batch_norm_moments(x, None, None)
            how = {"momentum": 0.9, "variance": "unbiased"}
            return layers.update_batch_stats(stats, batch, **how), None

        stats, _ = jax.lax.scan(step, stats, jnp.asarray(x))
    np.testing.assert_allclose(stats.mean, theirs.running_mean, rtol=1e-12)
    np.testing.assert_allclose(stats.var, theirs.running_var, rtol=1e-12)


def test_one_value_has_no_unbiased_variance():
    """n - 1 is 0: the statistics stay, as they do for an empty batch."""
    stats = layers.BatchStats(jnp.full(1, 2.0), jnp.full(1, 4.0))
    _, batch = layers.batch_norm_moments(jnp.ones((1, 1)), None, None)
    new = layers.update_batch_stats(stats, batch, variance="unbiased")
    assert new.mean == 2 and new.var == 4
    assert layers.update_batch_stats(stats, batch, momentum=0).var == 0


def test_norms_of_empty_batches():
    """No example, no row; shapes as ever."""
    x = jnp.zeros((0, 4, 6))

    @jax.jit
    def f(x):
        ys = (
            layers.group_norm(x, None, None, groups=2, spatial=1),
            layers.instance_norm(x, None, None, spatial=1),
            layers.rms_norm(x, jnp.ones(6)),
            layers.unit_norm(x),
        )
        return ys, layers.moments(x, axis=(0, 1))

    ys, found = f(x)
    assert all(y.shape == x.shape for y in ys)
    assert found.mean.tolist() == found.count.tolist() == [0] * 6


def test_norms_name_what_is_wrong():
    """The argument, what it must be, and what it is."""
    x = jnp.zeros((2, 3, 6))
    with pytest.raises(ValueError, match=r"groups must be .* divisor of the 6.*got 4"):
        layers.group_norm(x, None, None, groups=4)
    with pytest.raises(ValueError, match="group_norm: x must have at least 4 axes"):
        layers.group_norm(x, None, None, groups=2, spatial=3)
    with pytest.raises(ValueError, match="instance_norm: x must have at least 4 axes"):
        layers.instance_norm(x, None, None, spatial=3)
    with pytest.raises(ValueError, match=r"rms_norm: scale must have .*\(6,\)"):
        layers.rms_norm(x, jnp.ones(3))
    with pytest.raises(ValueError, match="unit_norm: axis must name axes of x"):
        layers.unit_norm(x, axis=3)
    with pytest.raises(ValueError, match=r"mask must have the batch axes.*\(2, 3\)"):
        layers.batch_norm_moments(x, None, None, mask=jnp.ones((2, 3, 6), bool))
    with pytest.raises(ValueError, match="moments: x and mask must have the same"):
        layers.moments(x, mask=jnp.ones((2, 3), bool))
    stats = layers.BatchStats(jnp.zeros(1), jnp.ones(1))
    with pytest.raises(ValueError, match="variance must be one of biased, unbiased"):
        layers.update_batch_stats(stats, layers.moments(x), variance="torch")
    with pytest.raises(TypeError, match="moments: x must be floating point"):
        layers.moments(jnp.zeros((2, 3), jnp.int32))


@pytest.mark.parametrize("size", [1, 4, 5])
def test_local_response_norm_is_torchs(size):
    """Value and gradients; an even window reaches further before than after."""
    torch = pytest.importorskip("torch", reason="the second reference is torch")
    theirs = torch.nn.functional.local_response_norm
    how = {"size": size, "alpha": 0.5, "beta": 0.8, "k": 1.5}
    same(
        *torch_and_ours(
            lambda x: layers.local_response_norm(x, **how),
            lambda x: theirs(x.permute(0, 2, 1), **how),
            *draws((2, 3, 7)),
        )
    )


def test_local_response_norm_of_huge_and_zero_rows():
    """Squares would overflow; k = 0 would divide 0 by 0."""
    x = jnp.array([[1e25, -3e25, 2e25], [0.0, 0.0, 0.0]])

    def total(x):
        y = layers.local_response_norm(x, size=3, k=0.0, beta=0.5)
        return jnp.sum(jnp.sin(y)), y

    slope, y = jax.jit(jax.grad(total, has_aux=True))(x)
    sums = np.array([10, 14, 13]) * 1e-4 / 3
    np.testing.assert_allclose(y[0], np.array([1, -3, 2]) / np.sqrt(sums), rtol=1e-5)
    assert (y[1] == 0).all() and jnp.isfinite(slope).all()


def test_adaptive_layer_norm_begins_as_layer_norm():
    """Zero scale and bias change nothing, whatever axes stand between."""
    x = np.float32(np.random.default_rng(0).standard_normal((2, 3, 4, 5)))
    zero = jnp.zeros((2, 5))
    y = layers.adaptive_layer_norm(x, zero, zero)
    np.testing.assert_allclose(y, layers.layer_norm(x, None, None), rtol=1e-6)


def test_conditions_name_what_is_wrong():
    """They must have the first axes of x and its channels."""
    x, good = jnp.zeros((2, 3, 5)), jnp.zeros((2, 5))
    for bad in (jnp.zeros((3, 5)), jnp.zeros((2, 3)), jnp.zeros((1, 2, 3, 5))):
        with pytest.raises(ValueError, match="film: bias must have the batch axes"):
            layers.film(x, good, bad)
        with pytest.raises(ValueError, match="adaptive_layer_norm: scale must have"):
            layers.adaptive_layer_norm(x, bad, good)
    with pytest.raises(ValueError, match="size must be a positive integer; got 0"):
        layers.local_response_norm(x, size=0)
    with pytest.raises(ValueError, match=r"alpha must be in \[0, inf\]; got -1"):
        layers.local_response_norm(x, alpha=-1)


LAID = {
    "layer": lambda x, s, b: layers.layer_norm(x, s, b, axis=(1, 3), eps=1e-3),
    "batch": lambda x, s, b: layers.batch_norm_moments(x, s, b, eps=1e-3),
    "group": lambda x, s, b: layers.group_norm(x, s, b, groups=2, eps=1e-3),
    "instance": lambda x, s, b: layers.instance_norm(x, s, b, eps=1e-3),
}


def by_the_book(kind, x, scale, bias):
    """The same in plain jnp, for JAX to differentiate."""
    axes = {"layer": (1, 3), "batch": (0, 1, 2), "group": (1, 2, 4), "instance": (1, 2)}
    laid = {"layer": (1, 4, 1, 6), "group": (1, 1, 1, 2, 3)}
    z = x.reshape(2, 4, 5, 2, 3) if kind == "group" else x
    mean = z.mean(axes[kind], keepdims=True)
    var = z.var(axes[kind], keepdims=True)
    y = (z - mean) / jnp.sqrt(var + 1e-3)
    shape = laid.get(kind, (1, 1, 1, 6))
    y = y if scale is None else y * scale.reshape(shape)
    y = (y if bias is None else y + bias.reshape(shape)).reshape(x.shape)
    return (y, mean.ravel(), var.ravel()) if kind == "batch" else y


@pytest.mark.parametrize("kind", list(LAID))
def test_the_reverse_pass_is_that_of_the_formula(kind):
    """First and second derivatives in all arguments, each present or None."""
    size = (4, 6) if kind == "layer" else (6,)
    arrays = draws((2, 4, 5, 6), size, size)
    tangent = jax.tree.map(np.cos, arrays)

    def total(f, *args):
        leaves = [y for y in jax.tree.leaves(f(*args)) if y.dtype == jnp.float64]
        return sum(jnp.sum(jnp.sin(y)) for y in leaves)

    def derivatives(f):
        found = []
        for keep in ((1, 1), (1, 0), (0, 1), (0, 0)):
            some = [a if k else None for a, k in zip(arrays, (1, *keep), strict=True)]
            g = jax.grad(lambda args: total(f, *args))
            along = [t if k else None for t, k in zip(tangent, (1, *keep), strict=True)]
            found.append(jax.jvp(g, (some,), (along,)))
        return found

    with jax.enable_x64(True):
        book = lambda *a: by_the_book(kind, *a)  # noqa: E731
        both = jax.jit(lambda: (derivatives(LAID[kind]), derivatives(book)))()
    for a, b in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


def test_a_batch_of_norms_asks_once_about_huge_rows():
    """Under vmap there is one branch for all, not both for each; jit of it is right."""
    x = np.float32(np.random.default_rng(0).standard_normal((3, 2, 7)))
    x[1, 0] *= np.float32(1e25)
    f = jax.vmap(jax.vmap(lambda x: layers.layer_norm(x, None, None)))
    np.testing.assert_allclose(f(x), exactly_normal(x, -1, 1e-6), rtol=1e-5, atol=1e-6)
    # The one for the platform, and the one for huge rows, which is no select.
    assert str(jax.make_jaxpr(f)(x)).count(" cond[") == 2


def test_eps_has_a_derivative():
    """Learned or annealed, it moves as the formula says: two ways round, with vmap."""
    (x,) = draws((3, 5))
    e = np.array([0.3, 2.0])

    def ours(eps):
        return jnp.sum(jnp.sin(layers.layer_norm(jnp.asarray(x), None, None, eps=eps)))

    def book(eps):
        off = x - x.mean(-1, keepdims=True)
        return jnp.sum(jnp.sin(off / jnp.sqrt(x.var(-1, keepdims=True) + eps)))

    with jax.enable_x64(True):
        both = [jax.vmap(d(f)) for f in (ours, book) for d in (jax.grad, jax.jacfwd)]
        found = jax.jit(lambda e: [d(e) for d in both])(e)
    for slopes in found[:2]:
        for expected in found[2:]:
            np.testing.assert_allclose(slopes, expected, rtol=1e-10)
