"""Language models, GPT and BERT: listed or scanned, whole or from a cache."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from assay import activations, layers, models
from tests.networks import drawn, learns

IDS = np.random.default_rng(0).integers(0, 11, (2, 7)).astype(np.int32)
MASK = np.arange(7) < np.array([[7], [4]])
LSTM = partial(models.LanguageModel, 11, 6, depth=2)
SIZES = {"vocabulary": 11, "context": 9, "features": 8, "heads": 2, "hidden": 10}
GPT = partial(models.GPT, **SIZES, depth=2)
ROTARY = {"theta": 100.0, "tied": False, "use_bias": False, "norm": models.RMSNorm}
BERT = partial(models.BERT, **SIZES, depth=1)
close = partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"tied": False, "cell": "gru"}])
def test_a_language_model_learns(options):
    """Two recurrent layers with dropout around them."""
    learns(partial(LSTM, rate=0.1, **options), IDS)


def test_gpt_learns():
    """Scanned with remat, rotary positions, RMS norm, dropout in every layer."""
    activation = activations.squared_relu
    how = {"activation": activation, "scan": True, "remat": True, "rate": 0.2}
    learns(partial(GPT, **ROTARY, **how), IDS)


def test_bert_learns():
    """By its pooled vectors, with padding and types of sentences."""
    learns(BERT, (IDS, MASK, IDS % 2), method="pooled")


def stacked(params):
    """The scanned parameters from the listed ones."""
    blocks = params["blocks"]
    both = layers.stack_params([blocks[str(i)] for i in range(len(blocks))])
    return params | {"blocks": both}


def test_scanned_is_listed():
    """Logits and every gradient to 1e-6, with remat; layers may be told apart."""
    listed, params, _ = drawn(GPT)
    scanned, like, _ = drawn(partial(GPT, scan=True, remat=True))
    g = np.random.default_rng(2).standard_normal((2, 7, 11)).astype(np.float32)

    @jax.jit
    def run(params):
        y, pull = jax.vjp(lambda p: listed(p, {}, IDS)[0], params)
        z, back = jax.vjp(lambda p: scanned(p, {}, IDS)[0], stacked(params))
        return (y, stacked(pull(g)[0])), (z, back(g)[0])

    one, other = run(params)
    assert jax.tree.map(jnp.shape, like) == jax.tree.map(jnp.shape, other[1])
    jax.tree.map(close, one, other)
    q_kernel = other[1]["blocks"]["attention"]["q_kernel"]
    assert (q_kernel[0] != q_kernel[1]).any()


def test_the_program_of_a_scan_is_that_of_any_depth():
    """48 layers are as long a program as 2: the compiler sees one block."""

    def length(depth):
        apply, params, _ = drawn(partial(GPT, scan=True, depth=depth))
        jaxpr = jax.make_jaxpr(jax.grad(lambda p: apply(p, {}, IDS)[0].sum()))(params)
        return str(jaxpr).count(" = ")  # equations

    assert length(48) == length(2)


def test_layers_of_a_scan_drop_apart():
    """Each layer has masks of its own, which the key of the call decides."""

    class Ones(nnx.Module):
        def __init__(self, *, rngs):
            self.dense = models.Dense(2, 2, rngs=rngs)
            self.drops = nnx.List([models.Dropout(0.5, rngs=rngs) for _ in range(2)])

        def __call__(self, x):
            one, two = (drop(jnp.ones(64, jnp.float32)) > 0 for drop in self.drops)
            bits = one.astype(jnp.float32) + 2 * two.astype(jnp.float32)
            return 4 * x + bits

    model = models.stacked(Ones, 2, scan=True, rngs=nnx.Rngs(0))
    apply, params, state = models.functional(model)
    run = jax.jit(
        lambda key: apply(params, state, jnp.zeros(64), key=key, train=True)[0]
    )
    y, again, other = (run(jax.random.key(i)).astype(int) for i in (0, 0, 1))
    assert (y == again).all() and (y != other).any()
    masks = [y & 1, y >> 1 & 1, y >> 2 & 1, y >> 3]
    for i in range(4):
        assert 16 < masks[i].sum() < 48
        for j in range(i):
            assert 12 < (masks[i] == masks[j]).sum() < 52
    assert (apply(params, state, jnp.zeros(64))[0] == 15).all()


CACHED = {
    "lstm": LSTM,
    "gru": partial(LSTM, cell="gru"),
    "gpt, learned": GPT,
    "gpt, rotary, scanned": partial(GPT, **ROTARY, scan=True),
}


@pytest.mark.parametrize("name", CACHED)
def test_a_decoder_reads_as_the_whole_pass(name):
    """A prompt of 4 tokens, then one by one: the logits of one pass, to 1e-5."""
    make = CACHED[name]
    apply, params, _ = drawn(make)
    decode, like, empty = models.decoder(make(rngs=nnx.Rngs(0)))
    assert jax.tree.structure(like) == jax.tree.structure(params)

    @jax.jit
    def run(params):
        cache, first = decode(params, empty(params, IDS, 7), IDS[:, :4])

        def step(cache, ids):
            return decode(params, cache, ids[:, None])

        _, rest = jax.lax.scan(step, cache, jnp.asarray(IDS[:, 4:].T))
        logits = jnp.concatenate([first[:, None], jnp.moveaxis(rest, 0, 1)], axis=1)
        return logits, apply(params, {}, IDS)[0]

    logits, whole = run(params)
    assert logits.shape == (2, 4, 11)
    np.testing.assert_allclose(logits, whole[:, 3:], rtol=1e-5, atol=1e-5)


def test_padding_changes_nothing():
    """BERT's vectors of 4 tokens are those of 4 tokens and padding; types count."""
    apply, params, _ = drawn(BERT)

    @jax.jit
    def run(params):
        padded = apply(params, {}, (IDS, MASK))[0]
        alone = apply(params, {}, IDS[1:, :4])[0]
        typed = apply(params, {}, (IDS, MASK, np.ones_like(IDS)))[0]
        return padded, alone, typed

    padded, alone, typed = run(params)
    close(padded[1:, :4], alone)
    assert (padded != typed).any()
