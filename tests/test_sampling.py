"""What is special to sampling: limits, compositions, scans, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import sampling
from assay.sampling import Ending, beam_search, categorical, generate, sampler

INF = float("inf")
FILTERS = {
    "temperature": {"temperature": 0.0},
    "top_k": {"k": 2},
    "top_p": {"p": 0.5},
    "typical_p": {"p": 0.5},
    "min_p": {"p": 0.5},
}


def test_what_leaves_all_is_exact():
    """p = 1, k of the vocabulary and temperature 1 change no bit, however long."""
    x = jax.random.normal(jax.random.key(0), (2, 3000)) * 8
    for y in (
        sampling.top_p(x, p=1.0),
        sampling.typical_p(x, p=1.0),
        sampling.top_k(x, k=3000),
        sampling.min_p(x, p=0.0),
        sampling.temperature(x, temperature=1.0),
    ):
        np.testing.assert_array_equal(y, x)


def test_top_k_of_equal_logits_keeps_exactly_k():
    kept = [int(jnp.isfinite(sampling.top_k(jnp.ones(9), k=k)).sum()) for k in (1, 4)]
    assert kept == [1, 4]


@pytest.mark.parametrize("name", FILTERS)
def test_one_token_is_always_left(name):
    """Of equal logits, of one that may be drawn, and where all are out no NaN comes."""
    f = getattr(sampling, name)
    equal = f(jnp.zeros((2, 5)), **FILTERS[name])
    assert (jnp.isfinite(equal).sum(-1) >= 1).all()
    lone = jnp.array([-INF, 2.0, -INF])
    assert f(lone, **FILTERS[name]).tolist() == [-INF, 2.0, -INF]


def test_hyperparameters_may_be_traced_and_mapped():
    """A temperature and a p for each row, by vmap of one program."""
    x = jnp.array([[1.0, 2.0, 4.0], [3.0, 2.0, 1.0]])

    @jax.jit
    @jax.vmap
    def f(x, t, k, p):
        x = sampling.temperature(x, temperature=t)
        return sampling.top_p(sampling.top_k(x, k=k), p=p)

    y = f(x, jnp.array([0.0, 1.0]), jnp.array([3, 2]), jnp.array([0.9, 1.0]))
    assert y.tolist() == [[-INF, -INF, 4.0], [3.0, 2.0, -INF]]


def test_gradients_pass_what_is_kept():
    """softmax of what is left is differentiable; what is out has no slope."""

    def f(x):
        y = sampling.top_p(sampling.temperature(x, temperature=2.0), p=0.8)
        return jax.nn.softmax(sampling.top_k(y, k=2))[1]

    slope = jax.grad(f)(jnp.array([0.0, 3.0, 1.0, 2.0]))
    assert jnp.isfinite(slope).all() and (slope[:3:2] == 0).all()
    np.testing.assert_allclose(slope[1], -slope[3], rtol=1e-6)


def test_a_small_temperature_does_not_overflow():
    x = jnp.array([1e3, 3e3, 2e3])
    for t in (1e-29, 1e-31, 0.0):
        y = categorical(sampling.temperature(x, temperature=t), key=jax.random.key(0))
        assert int(y) == 1


def test_rare_tokens_are_drawn():
    """1e-8 beside 1 is further than the low resolution of Gumbel noise reaches."""
    chance, draws = 1e-6, 10_000_000
    x = jnp.log(jnp.array([1 - chance, chance], jnp.float32))

    def body(count, k):
        rows = jnp.broadcast_to(x, (100_000, 2))
        return count + categorical(rows, key=k).sum(), None

    keys = jax.random.split(jax.random.key(1), draws // 100_000)
    count = jax.jit(lambda: jax.lax.scan(body, jnp.array(0), keys)[0])()
    assert 1 <= int(count) <= 25  # 10 are expected


def chain(logits):
    """A step whose logits are those of the last token's row."""
    return lambda carry, token: (carry + 1, logits[token])


TABLE = jax.random.normal(jax.random.key(2), (5, 5)) * 2


def test_fewer_tokens_are_the_beginning_of_more():
    make = lambda n: generate(  # noqa: E731
        chain(TABLE), 0, jnp.arange(3), Ending(n), key=jax.random.key(0)
    )
    assert make(9).tokens[:, :4].tolist() == make(4).tokens.tolist()
    assert make(0).tokens.shape == (3, 0) and make(0).lengths.tolist() == [0, 0, 0]


def test_generation_is_distributed_as_the_chain():
    """Pairs of tokens after 0, against the product of their probabilities."""
    run = jax.jit(
        lambda key: (
            generate(
                chain(TABLE), 0, jnp.zeros(4000, jnp.int32), Ending(2), key=key
            ).tokens
        )
    )
    pairs = np.asarray(run(jax.random.key(0)))
    p = np.asarray(jax.nn.softmax(TABLE))
    expected = (p[0][:, None] * p).ravel() * 4000
    counts = np.bincount(pairs[:, 0] * 5 + pairs[:, 1], minlength=25)
    many = expected > 5
    square = ((counts - expected) ** 2 / expected)[many].sum()
    assert square < 60  # 24 degrees of freedom: 1e-5 is beyond 62


def test_greedy_is_beam_search_with_one_beam():
    first = jnp.array(3)
    options = {"choose": sampler(temperature=0.0), "key": jax.random.key(0)}
    greedily = generate(chain(TABLE), 0, first, Ending(6, eos=2), **options)
    beams = beam_search(chain(TABLE), 0, first, Ending(6), beams=1)
    length = int(greedily.lengths)
    assert beams.tokens[0, :length].tolist() == greedily.tokens[:length].tolist()


def test_beam_search_maps_over_sequences():
    find = lambda first: beam_search(  # noqa: E731
        chain(TABLE), 0, first, Ending(4, eos=1), beams=3, length_penalty=1.0
    )
    many = jax.jit(jax.vmap(find))(jnp.arange(2))
    one = find(jnp.array(1))
    assert many.tokens[1].tolist() == one.tokens.tolist()
    assert (jnp.diff(many.scores, axis=-1) <= 0).all()


def test_a_draft_from_the_same_model_is_always_taken():
    logits = jax.random.normal(jax.random.key(0), (50, 4, 7))
    tokens = categorical(logits[:, :3], key=jax.random.key(1))
    got, counts = sampling.speculative(
        logits, logits[:, :3], tokens, key=jax.random.key(2)
    )
    assert (counts == 4).all() and (got[:, :3] == tokens).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sampling.top_k(jnp.ones(3), k=0), "top_k: k must be at least 1"),
        (lambda: sampling.top_p(jnp.ones(3), p=1.5), "top_p: p must be in"),
        (
            lambda: sampling.greedy(jnp.ones((2, 0))),
            "greedy: logits must have at least",
        ),
        (lambda: sampling.greedy(jnp.array([1, 2])), "greedy: logits must be floating"),
        (
            lambda: sampling.allow(jnp.ones(3), jnp.ones(3)),
            "allow: mask must be boolean",
        ),
        (
            lambda: sampling.forbid(jnp.ones(3), jnp.array([3])),
            r"forbid: tokens must be in \[0, 3\)",
        ),
        (
            lambda: beam_search(chain(TABLE), 0, jnp.arange(2), Ending(2), beams=2),
            "beam_search: first must be one token",
        ),
        (
            lambda: generate(chain(TABLE), 0, jnp.array(0), 5, key=jax.random.key(0)),
            "generate: ending must be an Ending",
        ),
    ],
)
def test_what_is_refused(call, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call()
