"""BERT: Devlin et al. 2018, arXiv:1810.04805."""

from functools import partial
from typing import Any

import jax  # noqa: F401 (the examples)
import jax.numpy as jnp
from flax import nnx

from assay import _check, activations, initializers, layers
from assay.models._attention import gelu_exact
from assay.models._modules import Dense, Embedding
from assay.models._noise import Dropout
from assay.models._norms import LayerNorm
from assay.models._stack import stacked
from assay.models._transformer import TransformerBlock, key_mask
from assay.typing import Array


class BERT(nnx.Module):
    """Tokens + positions + types → norm → post-norm blocks: a vector for each token.

    ``model(ids, mask, types)`` with `mask` (*batch, time) True where a token takes part
    and `types` 0 or 1, the sentence of a pair; `pooled` is one vector a sequence, if it
    has a `pooler`. 109,482,240 parameters by default (BERT-base). `scan`, `remat`: one
    scan over the blocks, see `stacked`.

    >>> how = {"vocabulary": 9, "context": 8, "features": 4, "depth": 1, "heads": 2}
    >>> run = lambda *x: BERT(**how, rngs=nnx.Rngs(0))(*x)  # shapes only
    >>> ids, mask = jnp.array([[1, 2, 0]]), jnp.array([[True, True, False]])
    >>> jax.eval_shape(run, ids, mask).shape
    (1, 3, 4)

    Devlin et al. 2018, arXiv:1810.04805.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 30522,
        context: int = 512,
        types: int = 2,
        features: int = 768,
        depth: int = 12,
        heads: int = 12,
        hidden: int | None = None,
        rate: float = 0.1,
        eps: float = 1e-12,
        pooler: bool = True,
        scan: bool = False,
        remat: bool = False,
        rngs: nnx.Rngs,
    ):
        init, norm = initializers.truncated_normal(0.02), partial(LayerNorm, eps=eps)
        made = {"init": init, "rngs": rngs}
        self.tokens = Embedding(vocabulary, features, **made)
        self.positions = Embedding(context, features, **made)
        self.types = Embedding(types, features, **made)
        self.norm = norm(features)
        self.dropout = Dropout(rate, rngs=rngs)
        block = partial(
            TransformerBlock,
            *(features, heads, hidden or 4 * features),
            arrange=layers.post_norm,
            norm=norm,
            activation=gelu_exact,
            rate=rate,
            weights={"init": init},
        )
        self.blocks = stacked(block, depth, scan=scan, remat=remat, rngs=rngs)
        self.pooler = Dense(features, features, **made) if pooler else None

    def __call__(
        self, ids: Array, mask: Array | None = None, types: Array | None = None
    ) -> Array:
        types = jnp.zeros_like(ids) if types is None else types
        x = layers.learned_positions(self.tokens(ids), self.positions.table[...])
        x = layers.learned_positions(x, self.types.table[...], types)
        return self.blocks(self.dropout(self.norm(x)), key_mask(mask))

    def pooled(
        self, ids: Array, mask: Array | None = None, types: Array | None = None
    ) -> Array:
        """tanh(pooler(vector of the first token)): (*batch, features)."""
        if self.pooler is None:
            _check.fail("pooled", "the model must have a pooler", "pooler=False")
        first = self(ids, mask, types)[..., 0, :]
        return activations.tanh(self.pooler(first))


def bert_base(*, rngs: nnx.Rngs, **options: Any) -> BERT:
    """BERT-base, 109,482,240 parameters: the defaults of `BERT`, whose options it has.

    >>> make = lambda: bert_base(depth=1, scan=True, rngs=nnx.Rngs(0))
    >>> nnx.eval_shape(make).tokens.table.shape
    (30522, 768)
    """
    return BERT(rngs=rngs, **options)
