"""Attention: beside torch, by blocks and whole, with what is masked out of reach."""

from contextlib import contextmanager
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import layers
from assay.layers import _attention_blocks, _dot_product_attention

RNG = np.random.default_rng(5)
B, N, K, H, D = 2, 4, 2, 3, 5


def arrays(t, s, seed=0):
    """q, k, v of t queries and s keys in float64."""
    rng = np.random.default_rng(seed)
    shapes = ((B, t, N, H), (B, s, K, H), (B, s, K, D))
    return tuple(jnp.asarray(rng.standard_normal(shape)) for shape in shapes)


def value_and_gradients(f, *args):
    """(y, gradients of one weighted sum), in one program."""

    def loss(*args):
        y = f(*args)
        return jnp.sum(y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)), y

    every = tuple(range(len(args)))
    (_, y), grads = jax.jit(jax.value_and_grad(loss, every, has_aux=True))(*args)
    return y, grads


@contextmanager
def definition():
    """Nothing is done by blocks, neither the value nor the reverse pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_dot_product_attention, "_long", lambda x: False)
        yield


MASK = RNG.random((B, 1, 150, 140)) < 0.5
MASK[0, 0, 7] = False
CASES = {
    "full": {},
    "causal": {"is_causal": True},
    "window": {"local_window_size": (30, 4)},
    "causal window": {"local_window_size": 25, "is_causal": True},
    "mask": {"mask": MASK},
    "lengths": {
        "query_seq_lengths": np.array([150, 9], np.int32),
        "key_value_seq_lengths": np.array([3, 140], np.int32),
    },
}


@pytest.mark.parametrize("case", CASES)
def test_blocks_are_the_definition(case, x64):
    """Value and every gradient, the bias's too, to 1e-12 in float64."""
    q, k, v = arrays(150, 140)
    shape = (1, N, 1, 140) if case == "causal" else (B, 1, 150, 140)
    bias = jnp.asarray(RNG.standard_normal(shape))
    attend = partial(layers.dot_product_attention, **CASES[case])
    assert "scan" in str(jax.make_jaxpr(attend)(q, k, v, bias))
    ours = value_and_gradients(attend, q, k, v, bias)
    with definition():
        theirs = value_and_gradients(attend, q, k, v, bias)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12 * max(1, np.abs(b).max()), rtol=0)


@pytest.mark.parametrize("t", [9, 150])
@pytest.mark.parametrize("causal", [False, True])
def test_torch(t, causal, x64):
    """torch's scaled_dot_product_attention: value and gradients to 1e-10 in float64."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    q, k, v = arrays(t, t, seed=1)
    y, grads = value_and_gradients(
        lambda *a: layers.dot_product_attention(*a, is_causal=causal), q, k, v
    )
    theirs = [torch.tensor(np.asarray(a), requires_grad=True) for a in (q, k, v)]
    heads = [a.transpose(1, 2) for a in theirs]
    attend = torch.nn.functional.scaled_dot_product_attention
    z = attend(*heads, is_causal=causal, enable_gqa=True).transpose(1, 2)
    ct = torch.cos(torch.arange(z.numel(), dtype=torch.float64)).reshape(z.shape)
    (z * ct).sum().backward()
    np.testing.assert_allclose(y, z.detach(), atol=1e-10)
    for ours, his in zip(grads, theirs, strict=True):
        np.testing.assert_allclose(ours, his.grad, atol=1e-10)


@pytest.mark.parametrize("t", [6, 258])
def test_nothing_masked_leaks(t):
    """NaN and inf that take no part change nothing: value, gradient, tangent."""
    q, k, v = (jnp.asarray(a, jnp.float32) for a in arrays(t, t, seed=2))
    lengths = jnp.array([t, t - 3], jnp.int32)
    how = {"query_seq_lengths": lengths, "key_value_seq_lengths": lengths}
    spoilt = [
        a.at[1, t - 2].set(jnp.nan).at[1, t - 1, 0].set(jnp.inf) for a in (q, k, v)
    ]

    def attend(*a):
        return layers.dot_product_attention(*a, is_causal=True, **how)

    clean = value_and_gradients(attend, q, k, v)
    dirty = value_and_gradients(attend, *spoilt)
    for a, b in zip(jax.tree.leaves(clean), jax.tree.leaves(dirty), strict=True):
        np.testing.assert_array_equal(a, b)
    one = tuple(jnp.ones_like(a) for a in (q, k, v))
    tangents = [
        jax.jit(lambda *a: jax.jvp(attend, a, one)[1])(*a) for a in ((q, k, v), spoilt)
    ]
    np.testing.assert_allclose(*tangents, atol=1e-6)
    assert np.isfinite(tangents[1]).all()
    assert not np.any(dirty[0][1, t - 3 :])  # queries past the end give 0


@pytest.mark.parametrize("t", [6, 258])
def test_what_is_not_finite_and_takes_part_is_nan(t):
    """NaN in a value is seen by the queries that reach it, and by no other."""
    q, k, v = (jnp.asarray(a, jnp.float32) for a in arrays(t, t, seed=3))
    for spoilt in ((q, k.at[0, 4].set(jnp.nan), v), (q, k, v.at[0, 4].set(jnp.inf))):
        y = layers.dot_product_attention(*spoilt, is_causal=True)
        assert np.isfinite(y[0, :4]).all() and np.isfinite(y[1]).all()
        assert np.isnan(y[0, 4:, :2]).all()


@pytest.mark.parametrize("t", [6, 258, None])
def test_what_is_not_finite_stays_in_the_pairs_that_take_part(t):
    """Gradients: NaN for what shares a query with it, and for nothing else."""

    def attend(*a):
        if t is None:
            return layers.attention(*a, mask=lambda b, h, t, s: s <= t)
        return layers.dot_product_attention(*a, is_causal=True)

    plain = [jnp.asarray(a, jnp.float32) for a in arrays(t or 6, t or 6, seed=3)]
    _, clean = value_and_gradients(attend, *plain)
    for i, others in enumerate(([4], slice(4, None), slice(4, None))):
        dirty = [a.at[0, 4].set(jnp.nan) if i == n else a for n, a in enumerate(plain)]
        _, (d_q, d_k, d_v) = value_and_gradients(attend, *dirty)
        assert np.isnan(d_q[0, others]).all()
        assert np.isfinite(np.delete(d_q[0], others, 0)).all()
        reached = 5 if i == 0 else t or 6  # keys that share one of the queries
        assert np.isnan(d_k[0, :reached]).all() and np.isfinite(d_k[0, reached:]).all()
        if i == 2:  # y is linear in the values
            np.testing.assert_allclose(d_v, clean[2], atol=1e-5)
        else:
            assert np.isnan(d_v[0, :reached]).all()
            assert np.isfinite(d_v[0, reached:]).all()
        assert all(np.isfinite(d[1]).all() for d in (d_q, d_k, d_v))


@pytest.mark.parametrize("t", [6, 258, None])
def test_a_bias_of_minus_infinity_is_a_mask(t):
    """NaN in a key that it takes out changes nothing."""
    q, k, v = (jnp.asarray(a, jnp.float32) for a in arrays(t or 6, t or 6, seed=3))
    bias = jnp.zeros((1, 1, 1, t or 6)).at[..., 3].set(-jnp.inf)

    def attend(*a):
        if t is None:
            off = lambda x, b, h, t, s: jnp.where(s == 3, -jnp.inf, x)  # noqa: E731
            return layers.attention(*a, score=off)
        return layers.dot_product_attention(*a, bias)

    clean = value_and_gradients(attend, q, k, v)
    dirty = k.at[:, 3].set(jnp.nan), v.at[:, 3].set(jnp.inf)
    found = value_and_gradients(attend, q, *dirty)
    for a, b in zip(jax.tree.leaves(clean), jax.tree.leaves(found), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_window_as_wide_as_an_integer_is_none():
    """2³¹ − 2 places on either side: t + window must not overflow."""
    q, k, v = (jnp.asarray(a, jnp.float32) for a in arrays(6, 6, seed=3))
    whole = layers.dot_product_attention(q, k, v)
    wide = layers.dot_product_attention(q, k, v, local_window_size=2**31 - 2)
    np.testing.assert_array_equal(whole, wide)


@pytest.mark.parametrize("t", [5, 257])
def test_rows_without_a_key_give_0(t):
    """0, with gradients and tangents of 0, where nothing takes part."""
    q, k, v = (jnp.asarray(a, jnp.float32) for a in arrays(t, t, seed=4))
    none = jnp.zeros((1, 1, t, t), bool)
    y, grads = value_and_gradients(
        lambda *a: layers.dot_product_attention(*a, mask=none), q, k, v
    )
    assert not any(np.any(a) for a in (y, *grads))
    bias = jnp.full((1, 1, t, t), -jnp.inf)
    y, dy = jax.jvp(lambda q: layers.dot_product_attention(q, k, v, bias), (q,), (q,))
    assert not np.any(y) and not np.any(dy)


def test_padding_changes_nothing():
    """Masked keys at the end: the same to 1e-6 in float32 (promise 49)."""
    q, k, v = (jnp.asarray(a, jnp.float32) for a in arrays(140, 133, seed=5))
    y = layers.dot_product_attention(q, k, v)
    for more in (1, 60, 300):
        wide = [
            jnp.pad(a, ((0, 0), (0, more), (0, 0), (0, 0)), constant_values=7.0)
            for a in (k, v)
        ]
        lengths = jnp.full(B, 133, jnp.int32)
        z = layers.dot_product_attention(q, *wide, key_value_seq_lengths=lengths)
        np.testing.assert_allclose(y, z, atol=1e-6)


def test_memory_is_linear_in_time():
    """By blocks, gradient included: at most a tenth of what the definition takes."""
    x = jax.ShapeDtypeStruct((1, 2048, 4, 8), jnp.float32)

    def peak(attend):
        loss = lambda *a: jnp.sum(attend(*a) ** 2)  # noqa: E731
        program = jax.jit(jax.grad(loss, (0, 1, 2))).lower(x, x, x).compile()
        return program.memory_analysis().temp_size_in_bytes

    with definition():
        plain = peak(layers.dot_product_attention)
    assert peak(layers.dot_product_attention) < 0.1 * plain
    assert peak(layers.attention) < 0.1 * plain


def test_the_rule_runs_in_grad_and_never_in_jvp(monkeypatch):
    """The reverse pass is the hand-written one; forward mode is not."""
    calls = []
    backward = _attention_blocks.backward
    monkeypatch.setattr(
        _attention_blocks, "backward", lambda *a: calls.append(1) or backward(*a)
    )
    q = jnp.asarray(arrays(128, 4)[0][0], jnp.float32)
    f = lambda q: jnp.sum(layers.dot_product_attention(q, q, q) ** 2)  # noqa: E731
    jax.jvp(f, (q,), (q,))
    assert calls == []
    forward_over_reverse = jax.jvp(jax.grad(f), (q,), (q,))[1]
    assert calls
    twice = jax.grad(lambda q: jnp.vdot(jax.grad(f)(q), q))(q) - jax.grad(f)(q)
    np.testing.assert_allclose(forward_over_reverse, twice, atol=3e-4)


def test_captured_numbers_are_differentiated(x64):
    """A slope and a bias inside the functions: the gradient of the definition."""
    q, k, v = arrays(9, 9, seed=6)
    slopes = jnp.asarray(RNG.standard_normal(N))

    def by_function(q, slopes):
        score = layers.bias_score(slopes)
        return layers.attention(q, k, v, score=score, mask=layers.causal_mask)

    def by_bias(q, slopes):
        far = jnp.abs(jnp.arange(9)[:, None] - jnp.arange(9)[None]).astype(q.dtype)
        bias = -slopes[None, :, None, None] * far[None, None]
        return layers.dot_product_attention(q, k, v, bias, is_causal=True)

    ours = value_and_gradients(by_function, q, slopes)
    for a, b in zip(
        jax.tree.leaves(ours),
        jax.tree.leaves(value_and_gradients(by_bias, q, slopes)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("t", [7, 300])
def test_attention_of_functions_leaks_nothing(t):
    """Blocks that are filled up, rows without a key, NaN out of reach."""
    q, k, v = (jnp.asarray(a, jnp.float32) for a in arrays(t, t, seed=7))
    ids = jnp.broadcast_to(jnp.arange(t) // 5, (B, t))
    documents = layers.all_masks(layers.causal_mask, layers.document_mask(ids))
    attend = lambda *a: layers.attention(*a, mask=documents)  # noqa: E731
    same = (ids[:, None, :, None] == ids[:, None, None]) & jnp.tril(
        jnp.ones((1, 1, t, t), bool)
    )
    y, grads = value_and_gradients(attend, q, k, v)
    np.testing.assert_allclose(
        y, layers.dot_product_attention(q, k, v, mask=same), atol=2e-6
    )
    z, after = value_and_gradients(
        attend, q, k.at[:, 6].set(jnp.nan), v.at[:, 6].set(jnp.inf)
    )
    np.testing.assert_array_equal(y[:, :6], z[:, :6])
    np.testing.assert_array_equal(grads[0][:, :5], after[0][:, :5])
    nobody = layers.attention(q, k, v, mask=lambda b, head, t, s: s < 0)
    assert not np.any(nobody)


def test_dropout_is_drawn_again_in_the_reverse_pass(x64):
    """The gradient is that of the shares that were kept; keys differ, sequences too."""
    q, k, v = arrays(9, 9, seed=8)
    drop = layers.dropout_weights(rate=0.4, key=jax.random.key(3))
    f = lambda v: layers.attention(q, k, v, weights=drop)  # noqa: E731
    y, pull = jax.vjp(f, v)
    np.testing.assert_allclose(y, jax.jvp(f, (v,), (v,))[1], atol=1e-12)  # linear in v
    np.testing.assert_allclose(jnp.vdot(pull(y)[0], v), jnp.vdot(y, y), rtol=1e-12)
    same = jnp.stack([v[0], v[0]]), jnp.stack([k[0], k[0]]), jnp.stack([q[0], q[0]])
    z = layers.attention(*same[::-1], weights=drop)
    assert np.abs(z[0] - z[1]).max() > 0.1


def test_linear_attention_in_chunks_is_its_recurrence(x64):
    """150 steps, three chunks: state by state."""
    q, k, v = (jnp.asarray(RNG.standard_normal((150, 2, n))) for n in (3, 3, 4))
    phi = lambda x: np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))  # noqa: E731
    state, norm, ys = np.zeros((2, 3, 4)), np.zeros((2, 3)), []
    for t in range(150):
        state += np.einsum("nh,nd->nhd", phi(k[t]), v[t])
        norm += phi(k[t])
        y = np.einsum("nh,nhd->nd", phi(q[t]), state)
        ys.append(y / np.einsum("nh,nh->n", phi(q[t]), norm)[:, None])
    got = layers.linear_attention(q, k, v, is_causal=True)
    np.testing.assert_allclose(got, np.stack(ys), atol=1e-12)


def test_half_precision_is_computed_wide():
    """bfloat16 in and out; the result is the rounded float32 one."""
    args = [a.astype(jnp.bfloat16) for a in map(jnp.float32, arrays(258, 258, seed=9))]
    y = layers.dot_product_attention(*args)
    assert y.dtype == jnp.bfloat16
    truth = layers.dot_product_attention(*(a.astype(jnp.float32) for a in args))
    np.testing.assert_array_equal(y, truth.astype(jnp.bfloat16))


def test_errors():
    """Each in the house's words, by the caller's name."""
    q, k, v = (jnp.asarray(a, jnp.float32) for a in arrays(5, 4))
    who = "dot_product_attention: "
    attend = layers.dot_product_attention
    with pytest.raises(
        ValueError, match=who + r"query .* must agree.*got \(2, 5, 4, 3\)"
    ):
        attend(q, k[..., :2], v)
    with pytest.raises(ValueError, match="a multiple of k; got"):
        attend(q[:, :, :3], k, v)
    with pytest.raises(
        TypeError, match=who + "mask must be boolean; got float32. .*bias"
    ):
        attend(q, k, v, mask=jnp.ones((1, 1, 5, 4)))
    with pytest.raises(
        ValueError, match=who + r"bias must broadcast to .*\(2, 4, 5, 4\)"
    ):
        attend(q, k, v, jnp.zeros((2, 3, 5, 4)))
    with pytest.raises(ValueError, match="query_seq_lengths must have one length"):
        attend(q, k, v, query_seq_lengths=jnp.ones(3, jnp.int32))
    with pytest.raises(ValueError, match="local_window_size must not be negative"):
        attend(q, k, v, local_window_size=-1)
    with pytest.raises(ValueError, match="attention: query .* must agree"):
        layers.attention(q, k[:1], v)
    with pytest.raises(
        ValueError, match="luong_attention: mask must be boolean, of shape"
    ):
        layers.luong_attention(
            q[:, :, 0], k[:, :, 0], v[:, :, 0], mask=jnp.ones((2, 5, 5), bool)
        )
    with pytest.raises(ValueError, match="all_masks: there must be one mask"):
        layers.attention(q, k, v, mask=layers.all_masks())
