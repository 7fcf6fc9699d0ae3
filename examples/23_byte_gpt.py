"""A GPT of bytes: trained on one line, judged in bits, writing from a KV cache.

You should get: under 1 bit a byte (a byte that nothing is known of costs 8), and a text
that is the same whether every byte reads the whole prefix or a cache of it.
`assay train --model gpt` is this on a real text, `assay generate` what writes.
"""

import os
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from assay import data, losses, models, optim, sampling

steps = int(os.environ.get("ASSAY_STEPS", 120))

# 1. Text is bytes: no vocabulary to build. Windows, and the same one byte later.
line = "the cat sat on the mat, and the rat that the cat saw sat on the hat. "
x, y = data.windows(data.text(line * 12), 32, stride=5)
x, y = jnp.asarray(x), jnp.asarray(y)

# 2. The network is a function of its parameters, made of `layers`.
params = models.byte_gpt_params(jax.random.key(0), features=32, depth=1, heads=2)


def bits(params, x, y):
    logits = models.byte_gpt(params, x)
    cost = losses.softmax_cross_entropy_with_integer_labels(logits, y)
    return cost.mean() / jnp.log(2.0)


# 3. A step is a function too, and all steps one scan.
tx = optim.adamw(optim.warmup_cosine_decay_schedule(0.0, 1e-2, 10, max(20, steps)))


def step(carry, key):
    params, state = carry
    rows = jax.random.randint(key, (16,), 0, len(x))
    value, grads = jax.value_and_grad(bits)(params, x[rows], y[rows])
    updates, state = tx.update(grads, state, params)
    return (optim.apply_updates(params, updates), state), value


train = jax.jit(partial(lax.scan, step))
keys = jax.random.split(jax.random.key(1), steps)
(params, _), history = train((params, tx.init(params)), keys)
print(f"bits a byte: {history[0]:.2f} at first, {history[-1]:.2f} after {steps} steps")

# 4. Writing: the prompt in one pass, then byte by byte.
prompt, length = jnp.asarray(data.text("the cat ")), 24


def one(cache, token):
    cache, logits = models.byte_gpt_step(params, cache, token[None])
    return cache, logits[0]


cache = models.byte_gpt_cache(params, prompt, len(prompt) + length)
cache, _ = models.byte_gpt_step(params, cache, prompt[:-1])
made = sampling.generate(
    one,
    cache,
    prompt[-1],
    sampling.Ending(length),
    choose=sampling.sampler(temperature=0.0),  # the likeliest; 1 draws by chance
    key=jax.random.key(0),
)
print("the cat " + bytes(made.tokens.tolist()).decode("latin-1"))


# 5. The same, without a cache: every byte reads all before it.
def whole(tokens, t):
    token = sampling.greedy(models.byte_gpt(params, tokens)[t - 1])
    return tokens.at[t].set(token), token


places = jnp.arange(len(prompt), len(prompt) + length)
buffer = jnp.pad(prompt, (0, length))
_, again = lax.scan(whole, buffer, places)

assert (made.tokens == again).all()
if "ASSAY_STEPS" not in os.environ:
    assert history[-1] < 1
    assert "sat" in bytes(made.tokens.tolist()).decode("latin-1")
