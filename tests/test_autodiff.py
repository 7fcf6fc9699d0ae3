"""The laws of `with_backward`: all of calculus, and the hand-written reverse rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from assay.autodiff import with_backward

CALLS = []


def _spread(labels, like):
    return jnp.broadcast_to(labels.astype(like.dtype)[:, None], like.shape)


def plain(x, w, labels):
    """A floating and an integer result, from a tree of arguments."""
    z = x @ w["kernel"]
    return jnp.sin(z) * _spread(labels, z), labels + 1


def forward(x, w, labels):
    z = x @ w["kernel"]
    scale = _spread(labels, z)
    return (jnp.sin(z) * scale, labels + 1), (jnp.cos(z) * scale, labels)


def backward(args, residuals, ct):
    CALLS.append(1)
    x, w, _ = args
    g = ct[0] * residuals[0]
    return g @ w["kernel"].T, {"kernel": x.T @ g}, None


fast = with_backward(plain, forward, backward)
LABELS = jnp.array([3, 1, 2, 5])


def loss(f, labels=LABELS):
    return lambda x, w: (f(x, w, labels)[0] ** 2).sum()


@pytest.fixture
def x():
    return jax.random.normal(jax.random.key(1), (4, 3))


@pytest.fixture
def w():
    return {"kernel": jax.random.normal(jax.random.key(2), (3, 2))}


def descend(f, x, w):
    def body(w, _):
        value, g = jax.value_and_grad(loss(f), 1)(x, w)
        return jax.tree.map(lambda w, g: w - 0.01 * g, w, g), value

    return jax.lax.scan(body, w, None, length=3)


def through_scan(f, x, w):
    def body(x, _):
        z, _ = f(x, w, LABELS)
        return x + jnp.pad(z, ((0, 0), (0, 1))), None

    return jax.grad(lambda x: (jax.lax.scan(body, x, None, length=3)[0] ** 2).sum())(x)


def over_batches(f, x, w):
    """vmap outside, with the batch in the middle axis."""
    return jnp.stack([x, 2 * x, x + 1], 1)


BOTH = (0, 1)
CASES = {
    "value": lambda f, x, w: f(x, w, LABELS),
    "grad": lambda f, x, w: jax.grad(loss(f), BOTH)(x, w),
    "grad in one argument": lambda f, x, w: jax.grad(loss(f), 1)(x, w),
    "jvp": lambda f, x, w: jax.jvp(loss(f), (x, w), (x, w)),
    "jacfwd": lambda f, x, w: jax.jacfwd(lambda x: f(x, w, LABELS)[0])(x),
    "jacrev": lambda f, x, w: jax.jacrev(lambda x: f(x, w, LABELS)[0])(x),
    "hessian": lambda f, x, w: jax.hessian(loss(f), BOTH)(x, w),
    "reverse over reverse": lambda f, x, w: jax.jacrev(jax.grad(loss(f), BOTH), BOTH)(
        x, w
    ),
    "reverse over forward": lambda f, x, w: jax.jacrev(jax.jacfwd(loss(f), BOTH), BOTH)(
        x, w
    ),
    "forward over forward": lambda f, x, w: jax.jacfwd(jax.jacfwd(loss(f), BOTH), BOTH)(
        x, w
    ),
    "third order": lambda f, x, w: jax.grad(
        lambda x: (jax.hessian(loss(f))(x, w) ** 2).sum()
    )(x),
    "vmap of grad": lambda f, x, w: jax.vmap(jax.grad(loss(f), BOTH), (1, None))(
        over_batches(f, x, w), w
    ),
    "grad of vmap": lambda f, x, w: jax.grad(
        lambda x, w: jax.vmap(loss(f), (1, None))(x, w).sum(), BOTH
    )(over_batches(f, x, w), w),
    "hessian of two vmaps": lambda f, x, w: jax.hessian(
        lambda x: jax.vmap(jax.vmap(loss(f), (None, 0)), (1, None))(
            over_batches(f, x, w), {"kernel": jnp.stack([w["kernel"], -w["kernel"]])}
        ).sum()
    )(x),
    "remat": lambda f, x, w: jax.grad(jax.checkpoint(loss(f)), BOTH)(x, w),
    "scan of grad": descend,
    "grad of scan": through_scan,
    "linearize": lambda f, x, w: jax.linearize(loss(f), x, w)[1](x, w),
    "vjp with an integer": lambda f, x, w: jax.vjp(lambda x: f(x, w, LABELS)[0], x)[1](
        jnp.ones((4, 2))
    ),
}


def agree(a, b):
    for u, v in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert u.shape == v.shape and u.dtype == v.dtype
        u, v = np.asarray(u, float), np.asarray(v, float)
        scale = np.abs(v).max() + 1e-30
        np.testing.assert_allclose(u / scale, v / scale, atol=2e-5)


@pytest.mark.parametrize("how", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("name", CASES)
def test_every_transformation_agrees_with_the_plain_function(name, how, x, w):
    agree(
        how(lambda x, w: CASES[name](fast, x, w))(x, w),
        jax.jit(lambda x, w: CASES[name](plain, x, w))(x, w),
    )


@pytest.mark.parametrize(
    "name, reverse",
    [
        ("value", False),
        ("jvp", False),
        ("jacfwd", False),
        ("forward over forward", False),
        ("linearize", False),
        ("grad", True),
        ("vmap of grad", True),
        ("grad of vmap", True),
        ("remat", True),
        ("hessian", True),
        ("scan of grad", True),
    ],
)
def test_the_hand_written_rule_runs_exactly_where_reverse_is_asked_for(
    name, reverse, x, w
):
    f = with_backward(plain, forward, lambda *a: backward(*a))  # not yet traced
    CALLS.clear()
    jax.make_jaxpr(lambda x, w: CASES[name](f, x, w))(x, w)
    assert bool(CALLS) == reverse


def test_the_hand_written_rule_is_believed(x, w):
    """Breaking the rule breaks grad, and nothing that is not reverse mode."""

    def wrong(args, residuals, ct):
        gx, gw, _ = backward(args, residuals, ct)
        return 2 * gx, gw, None

    f = with_backward(plain, forward, wrong)
    agree(jax.grad(loss(f))(x, w), 2 * jax.grad(loss(plain))(x, w))
    agree(CASES["jvp"](f, x, w), CASES["jvp"](plain, x, w))


def test_neither_fast_form_has_to_be_differentiable(x, w):
    """`pure_callback` has no derivative: higher orders come from `plain` alone."""

    def host(fun, *args):
        return jax.pure_callback(fun, jax.eval_shape(fun, *args), *args)

    f = with_backward(
        jnp.sin,
        lambda x: (host(lambda v: jnp.sin(v), x), x),
        lambda args, x, ct: (host(lambda v, c: jnp.cos(v) * c, x, ct),),
    )
    agree(
        jax.grad(lambda x: jax.jvp(jax.grad(f), (x,), (x,))[1])(0.7),
        jax.grad(lambda x: jax.jvp(jax.grad(jnp.sin), (x,), (x,))[1])(0.7),
    )


def test_eager_calls_compile_once(x, w):
    for _ in range(2):
        jax.grad(loss(fast), BOTH)(x, w)
    with jax.log_compiles(True), jax.check_tracer_leaks(False):
        counted = _count_compiles(lambda: jax.grad(loss(fast), BOTH)(x, w))
    assert counted == 0


def _count_compiles(f):
    import logging

    records = []
    handler = logging.Handler()
    handler.emit = lambda r: records.append(r.getMessage())
    log = logging.getLogger("jax")
    log.addHandler(handler)
    try:
        f()
    finally:
        log.removeHandler(handler)
    return sum("Compiling" in r for r in records)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_it_exports(platform, x, w):
    step = jax.jit(lambda x, w: jax.value_and_grad(loss(fast), BOTH)(x, w))
    exported = jax.export.export(step, platforms=[platform])(x, w)
    assert exported.platforms == (platform,)


def mesh():
    if len(jax.devices()) < 4:
        pytest.skip("needs 4 devices, simulated ones will do")
    return jax.make_mesh(
        (4,), ("i",), (jax.sharding.AxisType.Auto,), devices=jax.devices()[:4]
    )


def shard_inside(f, x, w):
    """Gradient taken on each device, and averaged by hand."""

    def local(x, w, labels):
        w = jax.tree.map(lambda a: jax.lax.pcast(a, "i", to="varying"), w)
        return jax.lax.pmean(jax.grad(loss(f, labels), 1)(x, w), "i")

    return local, P()


def shard_inside_unvarying(f, x, w):
    """The gradient in an unvarying weight is the sum over the devices."""
    return (lambda x, w, labels: jax.grad(loss(f, labels), 1)(x, w)), P()


def shard_inside_data(f, x, w):
    return (lambda x, w, labels: jax.grad(loss(f, labels))(x, w)), P("i")


@pytest.mark.parametrize(
    "case", [shard_inside, shard_inside_unvarying, shard_inside_data]
)
def test_grad_inside_shard_map(case, x, w):
    results = []
    for f in (fast, plain):
        local, out = case(f, x, w)
        specs = (P("i"), P(), P("i"))
        sharded = jax.shard_map(local, mesh=mesh(), in_specs=specs, out_specs=out)
        results.append(jax.jit(sharded)(x, w, LABELS))
    agree(*results)


@pytest.mark.parametrize("how", [jax.grad, jax.hessian])
def test_grad_outside_shard_map(how, x, w):
    def total(f):
        def local(x, w, labels):
            return jax.lax.psum(loss(f, labels)(x, w), "i")

        specs = (P("i"), P(), P("i"))
        sharded = jax.shard_map(local, mesh=mesh(), in_specs=specs, out_specs=P())
        return lambda x, w: sharded(x, w, LABELS)

    agree(jax.jit(how(total(fast), BOTH))(x, w), jax.jit(how(total(plain), BOTH))(x, w))


def test_explicit_sharding_is_kept(x):
    f = with_backward(
        jnp.sin, lambda x: (jnp.sin(x), jnp.cos(x)), lambda _, cos, ct: (cos * ct,)
    )
    explicit = jax.make_mesh(
        (2,), ("i",), (jax.sharding.AxisType.Explicit,), devices=jax.devices()[:2]
    )
    with jax.set_mesh(explicit):
        sharded = jax.device_put(x, P("i"))
        g = jax.jit(jax.grad(lambda x: f(x).sum()))(sharded)
        assert jax.typeof(g).sharding.spec == P("i", None)
    agree(np.asarray(g), jnp.cos(x))


def test_a_new_style_key_is_an_argument_like_any_other():
    def noisy(x, key):
        return x * x + jax.random.normal(key, x.shape)

    f = with_backward(
        noisy,
        lambda x, key: (noisy(x, key), ()),
        lambda a, _, ct: (2 * a[0] * ct, None),
    )
    key = jax.random.key(3)
    assert jax.grad(f)(3.0, key) == 6
    assert jax.hessian(f)(3.0, key) == 2
    keys = jax.random.split(key, 2)
    agree(jax.vmap(jax.grad(f))(jnp.arange(2.0), keys), jnp.array([0.0, 2.0]))


def test_the_name_and_the_docstring_are_the_plain_functions():
    assert fast.__name__ == "plain"
    assert fast.__doc__ == plain.__doc__
