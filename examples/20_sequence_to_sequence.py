"""An encoder and a decoder: digits of any number come out in reverse order.

You should get: most of the test sequences reversed without a mistake while the decoder
reads its own answers (greedy), and not one with the weights it began with.
"""

import os

import jax
import jax.numpy as jnp
import numpy as np

from assay import data, initializers, layers, losses, optim

steps = int(os.environ.get("ASSAY_STEPS", 200))
longest, hidden, batch = 4, 64, 64
END = 10  # after the digits 0 to 9; the decoder's first input too
time = longest + 1  # what the decoder says: the digits, then END


# 1. Ragged lists become one array and its lengths.
def examples(seed, count):
    rng = np.random.default_rng(seed)
    digits = [rng.integers(0, 10, rng.integers(1, longest + 1)) for _ in range(count)]
    x, lengths = data.pad_sequences(digits, time=longest)
    answers = [[*row[::-1], END] for row in digits]
    y, _ = data.pad_sequences(answers, time=time, value=END)
    return jnp.asarray(x, jnp.int32), jnp.asarray(lengths), jnp.asarray(y, jnp.int32)


# 2. Two GRUs, one table of embeddings, one readout.
def weights(key):
    keys, glorot = jax.random.split(key, 6), initializers.glorot_uniform()

    def gru(k1, k2):
        kernel, inner = glorot(k1, (16, 3 * hidden)), glorot(k2, (hidden, 3 * hidden))
        return layers.GRUParams(kernel, inner, *jnp.zeros((2, 3 * hidden)))

    return {
        "embedding": jax.random.normal(keys[0], (11, 16)),
        "encoder": gru(keys[1], keys[2]),
        "decoder": gru(keys[3], keys[4]),
        "readout": glorot(keys[5], (hidden, 11)),
    }


# 3. The last carry, at each sequence's own end, is all that the decoder gets.
def encode(params, x, lengths):
    mask = layers.lengths_to_mask(lengths, longest)
    vectors = layers.embedding(x, params["embedding"])
    zero = layers.zero_carry(params["encoder"], vectors[:, 0])
    gru = params["encoder"]
    return layers.recurrent(layers.gru_cell, gru, zero, vectors, mask=mask)[0]


def say(params, h):
    return layers.dense(h, params["readout"])


# 4. Teacher forcing: the decoder reads the right digits; all steps are one call.
def forced(params, x, lengths, y):
    before = jnp.concatenate([jnp.full_like(y[:, :1], END), y[:, :-1]], axis=1)
    vectors = layers.embedding(before, params["embedding"])
    h = encode(params, x, lengths)
    _, hs = layers.recurrent(layers.gru_cell, params["decoder"], h, vectors)
    return say(params, hs)


# 5. Free running: it reads what it said itself. The last digit is part of the carry.
def greedy(params, x, lengths):
    def step(carry, _):
        h, digit = carry
        vector = layers.embedding(digit, params["embedding"])
        h, y = layers.gru_cell(params["decoder"], h, vector)
        digit = jnp.argmax(say(params, y), axis=-1).astype(jnp.int32)
        return (h, digit), digit

    first = encode(params, x, lengths), jnp.full(x.shape[:1], END, jnp.int32)
    return jnp.moveaxis(jax.lax.scan(step, first, length=time)[1], 0, 1)


def loss(params, x, lengths, y):
    logits = forced(params, x, lengths, y)
    said = layers.lengths_to_mask(lengths + 1, time)
    each = losses.softmax_cross_entropy_with_integer_labels(logits, y)
    return jnp.sum(jnp.where(said, each, 0.0)) / jnp.sum(said)


@jax.jit
def right(params, x, lengths, y):
    """The share of sequences without a mistake up to their END."""
    said = layers.lengths_to_mask(lengths + 1, time)
    return jnp.mean(jnp.all((greedy(params, x, lengths) == y) | ~said, axis=1))


tx = optim.adam(5e-3)
params = weights(jax.random.key(0))
train, test = examples(1, steps * batch), examples(2, 500)


@jax.jit
def fit(params, train):
    def step(carry, rows):
        params, state = carry
        value, slope = jax.value_and_grad(loss)(params, *rows)
        updates, state = tx.update(slope, state, params)
        return (optim.apply_updates(params, updates), state), value

    rows = jax.tree.map(lambda a: a.reshape(steps, batch, *a.shape[1:]), train)
    return jax.lax.scan(step, (params, tx.init(params)), rows)


before = right(params, *test)
(params, _), values = fit(params, train)
after = right(params, *test)
print(f"loss {values[0]:.2f} -> {values[-1]:.2f}")
print(f"reversed without a mistake: {before:.0%} -> {after:.0%}")
assert before < 0.02 and (after > 0.7 or steps < 200)
