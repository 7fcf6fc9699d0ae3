"""Norms: accuracy at large means and scales, torch beside, the reverse pass."""

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
