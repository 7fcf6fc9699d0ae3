"""Pooling equals torch in value and gradient, the odd corners first."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers

torch = pytest.importorskip("torch", reason="torch is an optional peer")
F = torch.nn.functional


def few_numbers(*shape):
    """Most windows hold their largest number twice."""
    return np.random.default_rng(0).integers(-3, 3, shape).astype(np.float64)


def torchs(f, x, rank):
    """(value, gradient) of torch's f, channels last, the cotangent cos 0, cos 1, ..."""
    back = (0, *range(2, rank + 2), 1)
    there = torch.tensor(np.moveaxis(x, -1, 1), requires_grad=True)
    y = f(there).permute(back)
    g = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
    (slope,) = torch.autograd.grad(y, there, g)
    return y.detach().numpy(), slope.permute(back).numpy()


def ours(f, x):
    """The same of ours, in float64 and as one program."""

    @jax.jit
    def both(x):
        y, pull = jax.vjp(f, x)
        g = jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
        return y, pull(g)[0]

    with jax.enable_x64(True):
        return jax.device_get(both(x))


def agree(f, theirs, x, rank):
    for mine, expected in zip(ours(f, x), torchs(theirs, x, rank), strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-12)


# window, strides, padding, dilation
DILATED = [
    ((3,), 2, 1, 2),
    ((2, 3), (1, 2), (1, 0), (3, 1)),
    ((3, 2), (3, 4), 1, (1, 2)),
    ((2, 2, 3), (2, 1, 2), 1, (2, 3, 1)),
    ((9, 8), (2, 3), 4, 1),  # more taps than are spelled out
    ((9, 8), 2, 0, (1, 2)),
    ((300,), 7, 0, 2),  # more than a byte counts
]


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("window, strides, pad, dilation", DILATED)
def test_max_pool(window, strides, pad, dilation, ceil_mode):
    rank = len(window)
    x = few_numbers(2, *((700,) if rank == 1 else (19, 18, 9)[:rank]), 3)
    there = getattr(F, f"max_pool{rank}d")
    pads = np.broadcast_to(pad, rank)
    how = {"strides": strides, "dilation": dilation, "ceil_mode": ceil_mode}
    agree(
        lambda x: layers.max_pool(x, window, padding=[(p, p) for p in pads], **how),
        lambda x: there(x, window, strides, pad, dilation, ceil_mode),
        x,
        rank,
    )


# window, strides, padding, size
CEIL = [
    ((2,), 2, 0, (5,)),
    ((3,), 3, 1, (6,)),  # the window more would start beyond the input
    ((3, 2), (2, 3), 1, (8, 7)),
    ((2, 3), (5, 4), (1, 0), (9, 10)),
    ((3, 2, 2), (2, 2, 3), 1, (4, 5, 6)),
]


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("window, strides, pad, size", CEIL)
def test_avg_pool_with_ceil_mode(window, strides, pad, size, include):
    rank = len(window)
    there = getattr(F, f"avg_pool{rank}d")
    pads = np.broadcast_to(pad, rank)
    agree(
        lambda x: layers.avg_pool(
            x,
            window,
            strides=strides,
            padding=[(p, p) for p in pads],
            count_include_pad=include,
            ceil_mode=True,
        ),
        lambda x: there(x, window, strides, pad, True, include),
        few_numbers(2, *size, 3),
        rank,
    )


def test_a_divisor_of_ones_own_is_a_sum_divided():
    agree(
        lambda x: layers.sum_pool(x, (3, 2), strides=2, padding=1, ceil_mode=True) / 5,
        lambda x: F.avg_pool2d(x, (3, 2), 2, 1, True, divisor_override=5),
        few_numbers(2, 8, 7, 3),
        2,
    )


@pytest.mark.parametrize("p", [1.0, 2, 3.5])
def test_lp_pool(p):
    x = np.abs(few_numbers(2, 8, 7, 3)) + 0.25
    for ceil_mode in (False, True):
        agree(
            lambda x, c=ceil_mode: layers.lp_pool(
                x, (3, 2), p=p, strides=2, ceil_mode=c
            ),
            lambda x, c=ceil_mode: F.lp_pool2d(x, p, (3, 2), 2, c),
            x,
            2,
        )


@pytest.mark.parametrize("size, output", [((7, 9), (3, 4)), ((8, 6), (4, 2))])
def test_adaptive_pools(size, output):
    x = few_numbers(2, *size, 3)
    for kind in ("avg", "max"):
        mine = getattr(layers, f"adaptive_{kind}_pool")
        there = getattr(F, f"adaptive_{kind}_pool2d")
        agree(lambda x, f=mine: f(x, output), lambda x, f=there: f(x, output), x, 2)


def test_adaptive_pools_of_one_and_three_axes():
    x = few_numbers(2, 7, 3)
    for m in (1, 3, 10):
        agree(
            lambda x, m=m: layers.adaptive_max_pool(x, m, spatial=1),
            lambda x, m=m: F.adaptive_max_pool1d(x, m),
            x,
            1,
        )
    agree(
        lambda x: layers.adaptive_avg_pool(x, (2, None, 3), spatial=3),
        lambda x: F.adaptive_avg_pool3d(x, (2, None, 3)),
        few_numbers(2, 5, 4, 6, 3),
        3,
    )


INDEXED = [
    ((2, 2), (2, 2), 0, 1, False),
    ((3, 2), (2, 1), 1, (1, 2), False),
    ((2, 3), (3, 2), (1, 0), 1, True),
]


@pytest.mark.parametrize("window, strides, pad, dilation, ceil_mode", INDEXED)
@pytest.mark.parametrize("fill", [None, np.nan, -np.inf])
def test_indices(window, strides, pad, dilation, ceil_mode, fill):
    """Ties, NaN and windows of -inf at the border included."""
    x = few_numbers(2, 8, 7, 3)
    if fill is not None:
        x[:, :5, :5] = np.where(x[:, :5, :5] > 0, x[:, :5, :5], fill)
    there = F.max_pool2d(
        torch.tensor(np.moveaxis(x, -1, 1)),
        window,
        strides,
        pad,
        dilation,
        ceil_mode,
        return_indices=True,
    )
    pads = [(p, p) for p in np.broadcast_to(pad, 2)]
    mine = layers.max_pool_with_indices(
        jnp.asarray(x, jnp.float32),
        window,
        strides=strides,
        padding=pads,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    for m, t in zip(mine, there, strict=True):
        np.testing.assert_array_equal(m, t.permute(0, 2, 3, 1))


@pytest.mark.parametrize("image, size", [((7, 6), None), ((8, 7), (8, 7))])
def test_max_unpool_puts_back(image, size):
    x = np.random.default_rng(0).standard_normal((2, *image, 3))
    there = torch.tensor(np.moveaxis(x, -1, 1))
    pooled, at = F.max_pool2d(there, (3, 2), (2, 2), (1, 0), return_indices=True)
    y = np.moveaxis(pooled.numpy(), 1, -1)
    places = jnp.asarray(np.moveaxis(at.numpy(), 1, -1), jnp.int32)
    agree(
        lambda y: layers.max_unpool(
            y,
            places,
            (3, 2),
            strides=2,
            padding=((1, 1), (0, 0)),
            output_size=size,
        ),
        lambda y: F.max_unpool2d(y, at, (3, 2), 2, (1, 0), size),
        y,
        2,
    )
