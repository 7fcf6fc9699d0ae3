"""The block of a transformer, and the decoder of one: GPT."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp
from flax import nnx

from assay import activations, initializers, layers
from assay.models._attention import FeedForward, MultiHeadAttention
from assay.models._modules import Dense, Embedding
from assay.models._noise import Dropout
from assay.models._norms import LayerNorm
from assay.models._stack import stacked
from assay.typing import Array, PyTree


class TransformerBlock(nnx.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)), with dropout of both.

    `arrange` is `layers.pre_norm` or `layers.post_norm`; `norm(features)` makes a norm.
    `how` are further arguments of `layers.multi_head_attention`: `is_causal`, `rotate`.

    Vaswani et al. 2017, arXiv:1706.03762, figure 1.
    """

    def __init__(
        self,
        features: int,
        heads: int,
        hidden: int,
        *,
        arrange: Callable[..., Array] = layers.pre_norm,
        norm: Callable[[int], nnx.Module] = LayerNorm,
        activation: Callable[[Array], Array] = activations.gelu,
        rate: float = 0.0,
        weights: dict[str, Any] | None = None,
        rngs: nnx.Rngs,
        **how: Any,
    ):
        made = {"rngs": rngs, **(weights or {})}  # init, out_init, use_bias
        self.attention = MultiHeadAttention(features, heads, **made)
        self.attention_norm = norm(features)
        self.feed_forward = FeedForward(features, hidden, activation=activation, **made)
        self.feed_forward_norm = norm(features)
        self.dropout1 = Dropout(rate, rngs=rngs)
        self.dropout2 = Dropout(rate, rngs=rngs)
        self.arrange, self.how = arrange, tuple(how.items())

    def __call__(self, x: Array, mask: Array | None = None) -> Array:
        def attend(x):
            return self.dropout1(self.attention(x, mask=mask, **dict(self.how)))

        return self._fed(self.arrange(x, attend, self.attention_norm))

    def empty(self, x: Array, size: int) -> layers.KVCache:
        """No keys and values yet, with room for those of `size` tokens."""
        return layers.kv_cache(self.attention.params(), x, size)

    def cached(self, cache: layers.KVCache, x: Array) -> tuple[layers.KVCache, Array]:
        """The next tokens x after those of the cache: (cache, y)."""
        how = {k: v for k, v in self.how if k != "is_causal"}  # a cache is causal
        caches = [cache]

        def attend(x):
            cache, y = self.attention.cached(caches[0], x, **how)
            caches.append(cache)
            return y

        x = self.arrange(x, attend, self.attention_norm)
        return caches[-1], self._fed(x)

    def _fed(self, x: Array) -> Array:
        def feed(x):
            return self.dropout2(self.feed_forward(x))

        return self.arrange(x, feed, self.feed_forward_norm)


def rotary(size: int, *, theta: float = 10000.0) -> Callable[[Array, Array], Array]:
    """``rotate(q or k, positions)`` for heads of that size, by `layers.rotary_halves`.

    >>> rotary(4)(jnp.ones((3, 2, 4)), jnp.arange(3)).shape
    (3, 2, 4)
    """
    frequencies = layers.rotary_frequencies(size, theta=theta)

    def rotate(x, positions):
        return layers.rotary_halves(x, layers.rotary_angles(positions, frequencies))

    return rotate


def _norm_of_gpt2(features: int) -> LayerNorm:
    return LayerNorm(features, eps=1e-5)


class GPTCache(NamedTuple):
    """Keys and values of every block, and how many tokens they are of."""

    blocks: PyTree
    length: Array  # () int32


class GPT(nnx.Module):
    """Tokens + positions → pre-norm causal blocks → norm → logits of the next token.

    The table of tokens is that of the logits, too, unless `tied` is False. A `theta`
    gives rotary positions instead of learned ones. Weights begin as the paper's: normal
    0.02, of what joins the residual stream divided by √(2·depth), or zeros with
    `zero_init`. `scan`, `remat`: one scan over the blocks, see `stacked`. 124,439,808
    parameters by default (GPT-2 small). `decoder` makes a step of a generator of it.

    >>> how = {"vocabulary": 9, "context": 8, "features": 4, "depth": 1, "heads": 2}
    >>> run = lambda ids: GPT(**how, rngs=nnx.Rngs(0))(ids)  # shapes only
    >>> jax.eval_shape(run, jnp.zeros((2, 5), jnp.int32)).shape
    (2, 5, 9)

    Radford et al. 2019, Language models are unsupervised multitask learners.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 50257,
        context: int = 1024,
        features: int = 768,
        depth: int = 12,
        heads: int = 12,
        hidden: int | None = None,
        rate: float = 0.1,
        theta: float | None = None,
        norm: Callable[[int], nnx.Module] = _norm_of_gpt2,
        activation: Callable[[Array], Array] = activations.gelu,
        use_bias: bool = True,
        tied: bool = True,
        zero_init: bool = False,
        scan: bool = False,
        remat: bool = False,
        rngs: nnx.Rngs,
    ):
        init = initializers.normal(0.02)
        into = initializers.normal(0.02 * (2 * depth) ** -0.5)
        out = initializers.zeros if zero_init else into
        learned = theta is None
        self.tokens = Embedding(vocabulary, features, init=init, rngs=rngs)
        self.positions = (
            Embedding(context, features, init=init, rngs=rngs) if learned else None
        )
        self.dropout = Dropout(rate, rngs=rngs)
        block = partial(
            TransformerBlock,
            *(features, heads, hidden or 4 * features),
            norm=norm,
            activation=activation,
            rate=rate,
            weights={"init": init, "out_init": out, "use_bias": use_bias},
            is_causal=True,
            rotate=None if learned else rotary(features // heads, theta=theta),
        )
        self.blocks = stacked(block, depth, scan=scan, remat=remat, rngs=rngs)
        self.norm = norm(features)
        untied = {"use_bias": False, "init": init, "rngs": rngs}
        self.out = None if tied else Dense(features, vocabulary, **untied)

    def __call__(self, ids: Array, mask: Array | None = None) -> Array:
        """`mask` (*batch, time): True where a token takes part, False for padding."""
        x = self.dropout(self._embedded(ids))
        return self._logits(self.blocks(x, key_mask(mask)))

    def empty(self, ids: Array, size: int) -> GPTCache:
        """A cache for `size` tokens, with the batch axes of `ids`."""
        blocks = self.blocks.empty(self.tokens(ids), size)
        return GPTCache(blocks, jnp.zeros((), jnp.int32))

    def cached(self, cache: GPTCache, ids: Array) -> tuple[GPTCache, Array]:
        """The next tokens after those of the cache: (cache, logits after the last)."""
        t = ids.shape[-1]
        places = cache.length + jnp.arange(t, dtype=jnp.int32)
        blocks, x = self.blocks.cached(cache.blocks, self._embedded(ids, places))
        logits = self._logits(x[..., -1:, :])[..., 0, :]
        return GPTCache(blocks, cache.length + t), logits

    def _embedded(self, ids: Array, places: Array | None = None) -> Array:
        x = self.tokens(ids)
        if self.positions is None:
            return x
        return layers.learned_positions(x, self.positions.table[...], places)

    def _logits(self, x: Array) -> Array:
        x = self.norm(x)
        return self.tokens.attend(x) if self.out is None else self.out(x)


def gpt2_small(*, rngs: nnx.Rngs, **options: Any) -> GPT:
    """GPT-2 small, 124,439,808 parameters: the defaults of `GPT`, whose options it has.

    >>> make = lambda: gpt2_small(depth=1, scan=True, rngs=nnx.Rngs(0))
    >>> nnx.eval_shape(make).positions.table.shape
    (1024, 768)
    """
    return GPT(rngs=rngs, **options)


def key_mask(mask: Array | None) -> Array | None:
    """(*batch, time), True where a token takes part, for all heads and queries."""
    return None if mask is None else mask[..., None, None, :]
