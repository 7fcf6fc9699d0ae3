"""BERT as Hugging Face names it, to ours and back; its layers stacked along an axis."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from assay.layers import AttentionParams, EncoderParams, FeedForwardParams
from assay.typing import Array, Float
from assay.weights import _arrays, _layouts, _match, _template
from assay.weights._match import Rule
from assay.weights._transformer_torch import (
    heads_from_torch,
    heads_to_torch,
    merge_from_torch,
    merge_to_torch,
)

LAYER = "encoder.layer.{i}."
# What a sentence's embedding and a language model's head do not need.
UNUSED = ("*position_ids", "pooler.*", "cls.*")


class BERTParams(NamedTuple):
    """The weights of a BERT encoder: the tables, a norm, and all layers in one tree."""

    words: Float[Array, "vocabulary d"]
    places: Float[Array, "time d"]
    kinds: Float[Array, "kinds d"]
    norm: tuple[Float[Array, " d"], Float[Array, " d"]]
    layers: EncoderParams  # every leaf with the layers first


def bert_from_torch(tensors: Mapping[str, Any], *, heads: int) -> BERTParams:
    """BERTParams of a BertModel's tensors, less its pooler and its heads.

    An `encoder_block` with `post_norm`, exact gelu and eps 1e-12 computes a layer.

    >>> bert_from_torch({}, heads=12)
    Traceback (most recent call last):
    ValueError: bert_from_torch: tensors must have 'embeddings.word_embeddings...
    """
    return _match.match(tensors, _shapes(tensors, heads), _rules(heads), ignore=UNUSED)


def bert_to_torch(params: BERTParams) -> dict[str, Any]:
    """BertModel's names for BERTParams: `bert_from_torch` backwards, bit for bit.

    ``model.load_state_dict(tensors, strict=False)`` takes them.
    """
    return _match.unmatch(params, _rules(params.layers.attention.q_kernel.shape[2]))


def _rules(heads: int) -> list[Rule]:
    """All of a kind in one line; {i} counts the layers."""
    split = partial(heads_from_torch, heads=heads), heads_to_torch
    merge = partial(merge_from_torch, heads=heads), merge_to_torch
    dense = _layouts.dense_from_torch, _layouts.dense_to_torch
    rules = [
        Rule("words", "embeddings.word_embeddings.weight"),
        Rule("places", "embeddings.position_embeddings.weight"),
        Rule("kinds", "embeddings.token_type_embeddings.weight"),
        *_norm("norm", "embeddings.LayerNorm."),
        *_norm("layers/attention_norm", LAYER + "attention.output.LayerNorm."),
        *_norm("layers/feed_forward_norm", LAYER + "output.LayerNorm."),
        *_linear("attention/out_", "attention.output.dense.", merge),
        *_linear("feed_forward/", "intermediate.dense.", dense),
        *_linear("feed_forward/out_", "output.dense.", dense),
    ]
    for way in ("query", "key", "value"):
        ours, theirs = f"layers/attention/{way[0]}_", f"{LAYER}attention.self.{way}."
        rules.append(Rule(ours + "kernel", theirs + "weight", *split))
        rules.append(Rule(ours + "bias", theirs + "bias", *split))
    return rules


def _norm(ours: str, theirs: str) -> list[Rule]:
    """A scale and a bias."""
    return [Rule(f"{ours}/{n}", theirs + s) for n, s in enumerate(("weight", "bias"))]


def _linear(ours: str, theirs: str, layout: tuple) -> list[Rule]:
    """A kernel and a bias of every layer."""
    kernel = Rule(f"layers/{ours}kernel", f"{LAYER}{theirs}weight", *layout)
    return [kernel, Rule(f"layers/{ours}bias", f"{LAYER}{theirs}bias")]


def _shapes(tensors: Mapping[str, Any], heads: int) -> BERTParams:
    """What the sizes of the tables and of the first layer say of all."""

    def get(name: str) -> Any:
        return _arrays.taken("bert_from_torch", tensors, name)

    tables = [
        get(f"embeddings.{name}_embeddings.weight")
        for name in ("word", "position", "token_type")
    ]
    size, up = tables[0].shape[1], LAYER + "intermediate.dense.weight"
    wide, n = get(_template.numbered(up, 0)).shape[0], _template.count(up, tensors)
    dtype = jnp.dtype(tables[0].dtype)

    def one(*shape: int) -> Any:
        return jax.ShapeDtypeStruct(shape, dtype)

    head, row, each = (heads, size // heads), one(n, size), one(size)
    kernel, bias = one(n, size, *head), one(n, *head)
    merge, biases = one(n, *head, size), (bias, bias, bias, row)
    attention = AttentionParams(kernel, kernel, kernel, merge, *biases)
    dense = one(n, size, wide), one(n, wide, size), one(n, wide), row
    norm = row, row
    layers = EncoderParams(attention, norm, FeedForwardParams(*dense), norm)
    words, places, kinds = (one(*t.shape) for t in tables)
    return BERTParams(words, places, kinds, (each, each), layers)
