"""A model that reads tokens one after the other, as pure functions."""

from collections.abc import Callable

import jax.numpy as jnp  # noqa: F401 (the examples)
from flax import nnx

from assay.models._functional import functional
from assay.typing import PyTree


def decoder(model: nnx.Module) -> tuple[Callable, PyTree, Callable]:
    """(decode, params, empty): a language model at rest, with what it has read so far.

    - ``empty(params, ids, size) -> cache``: nothing read yet, room for `size` tokens,
      batch axes those of `ids` (*batch, time).
    - ``decode(params, cache, ids) -> (cache, logits)``: reads the next tokens, a whole
      prompt or one by one; logits (*batch, vocabulary) are those after the last.

    ``lambda cache, token: decode(params, cache, token[..., None])`` is the step that
    `sampling.generate` takes. For `GPT` and `LanguageModel`, listed or scanned.

    >>> from assay.models import LanguageModel
    >>> model = LanguageModel(9, 4, rngs=nnx.Rngs(0))
    >>> decode, params, empty = decoder(model)
    >>> prompt = jnp.array([[1, 2, 3]])
    >>> cache, logits = decode(params, empty(params, prompt, 8), prompt)
    >>> cache, logits = decode(params, cache, logits.argmax(-1, keepdims=True))
    >>> logits.shape
    (1, 9)
    """
    apply, params, state = functional(model)

    def decode(params, cache, ids):
        return apply(params, state, (cache, ids), method="cached")[0]

    def empty(params, ids, size):
        return apply(params, state, (ids, size), method="empty")[0]

    return decode, params, empty
