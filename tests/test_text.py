"""Texts: windows, a decoder and its cache, bits a byte, and the commands."""

import bz2
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from assay import data, models
from assay.cli import _text, main


def small(**how):
    return models.byte_gpt_params(
        jax.random.key(0), features=16, depth=2, heads=2, **how
    )


def test_windows_meet_and_overlap():
    tokens = np.arange(11)
    x, y = data.windows(tokens, 4, stride=2)
    assert x[:, 0].tolist() == [0, 2, 4, 6] and y[-1].tolist() == [7, 8, 9, 10]
    x, y = data.random_windows(tokens, 4, 100, key=jax.random.key(0))
    assert set(x[:, 0]) == set(range(7)) and (y == x + 1).all()
    with pytest.raises(ValueError, match="windows: the text must have more than 11"):
        data.windows(tokens, 11)


def test_a_text_is_a_string_or_the_file_at_a_path(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("é\n".encode())
    assert data.text(path).tolist() == data.text("é\n").tolist() == [195, 169, 10]


def test_the_documentation_says_nothing_twice():
    """What is held out has no paragraph of what is learned from."""
    learned, held = data.held_out(data.text(data.documentation()))
    one, other = (bytes(t.astype(np.uint8)).split(b"\n\n") for t in (learned, held))
    assert len(other) > 100 and not set(one[:-1]) & set(other[1:])


def test_the_decoder_sees_what_was_and_not_what_comes():
    params, tokens = small(vocabulary=7), jnp.arange(12).reshape(2, 6) % 7
    f = jax.jit(models.byte_gpt)
    y, other = f(params, tokens), f(params, tokens.at[:, 4].set(0))
    np.testing.assert_array_equal(y[:, :4], other[:, :4])
    assert (y[:, 4:] != other[:, 4:]).any(-1).all()


def test_prompt_and_steps_are_one_pass():
    """In float64 to 1e-12; a prompt in pieces, then token by token."""
    with jax.enable_x64(True):
        params = jax.tree.map(lambda a: a.astype(jnp.float64), small(vocabulary=7))
        tokens = jnp.arange(18, dtype=jnp.int32).reshape(2, 9) * 5 % 7

        @jax.jit
        def both(params, tokens):
            cache, parts = models.byte_gpt_cache(params, tokens, 9), []
            for piece in jnp.split(tokens, [4, 7, 8], axis=1):
                cache, logits = models.byte_gpt_step(params, cache, piece)
                parts.append(logits)
            return models.byte_gpt(params, tokens), jnp.concatenate(parts, 1)

        whole, pieces = both(params, tokens)
    np.testing.assert_allclose(pieces, whole, rtol=0, atol=1e-12)


def test_a_context_is_a_window_that_moves():
    """One block sees as far as its context: the last tokens alone say as much."""
    params = models.byte_gpt_params(jax.random.key(0), features=16, depth=1, heads=2)
    tokens = jnp.arange(9) * 7
    cache = models.byte_gpt_cache(params, tokens, 9)
    step = jax.jit(models.byte_gpt_step, static_argnames="context")
    _, logits = step(params, cache, tokens, context=3)
    alone = models.byte_gpt(params, tokens[6:])
    np.testing.assert_allclose(logits[8], alone[2], atol=1e-5)


def test_bits_a_byte_count_every_byte_once(monkeypatch):
    """Against the sum over the bytes, each behind the context that it had."""
    monkeypatch.setattr(_text, "CONTEXT", 8)
    params, text = small(), np.arange(21) * 3
    got = _text.bits_per_byte((_text.apply, params, {}), text)
    # Windows begin at 0, 4, 8 and 12; the second half of each is new.
    begins = [0] * 8 + [4] * 4 + [8] * 4 + [12] * 4
    rows = np.stack([text[b : b + 9] for b in (0, 4, 8, 12)]).astype(np.int32)
    logp = jax.nn.log_softmax(models.byte_gpt(params, rows[:, :-1]))
    total = 8.0
    for place, begin in enumerate(begins, 1):
        row = begin // 4
        total -= logp[row, place - begin - 1, text[place]] / np.log(2)
    assert got == pytest.approx(float(total) / 21, rel=1e-5)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small network that has read two pages of one line."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "a.txt").write_text("the cat sat on the mat. " * 60)
    patch = pytest.MonkeyPatch()
    patch.setattr(_text, "CONTEXT", 16)
    patch.setattr(_text, "SIZES", {"features": 16, "depth": 1, "heads": 2})
    words = ["--data", str(folder / "a.txt"), "--epochs", "2", "--quiet"]
    assert main(["train", *words, "--out", str(folder / "run")]) == 0
    yield folder / "run"
    patch.undo()


def test_a_run_keeps_its_bits(run, capsys):
    """Its own, bz2's on the same bytes, and evaluate finds them again."""
    kept = json.loads((run / "run.json").read_text())
    text = (run.parent / "a.txt").read_bytes()
    held = text[len(text) - round(len(text) * 0.1) :]
    result = kept["result"]
    assert result["held_out_bytes"] == len(held) == 144
    assert result["bz2_bits_per_byte"] == 8 * len(bz2.compress(held, 9)) / len(held)
    assert kept["optimizer"] == "muon" and 0 < result["bits_per_byte"] < 6.5
    capsys.readouterr()
    assert main(["evaluate", str(run), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["bits_per_byte"] == pytest.approx(result["bits_per_byte"], rel=1e-6)
    assert main(["evaluate", str(run)]) == 0
    assert "bz2 on the same" in capsys.readouterr().out


def test_generate_writes_on(run, capsys):
    """Greedily it is what the whole prefix says; a seed gives the same text again."""
    words = ["generate", str(run), "--prompt", "the cat", "--length", "20"]
    assert main([*words, "--temperature", "0"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("the cat") and printed.endswith("\n")
    drawn = []
    for _ in range(2):
        assert main([*words, "--top-k", "5", "--top-p", "0.9", "--json"]) == 0
        drawn.append(json.loads(capsys.readouterr().out))
    assert drawn[0]["text"] == drawn[1]["text"] and drawn[0]["bytes_per_second"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--model", "gpt", "--data", "nowhere"], "--data: no text 'nowhere'"),
        (["train", "--model", "gpt", "--shift", "1"], "--shift: a text is no image"),
        (["train", "--model", "mlp", "--data", "a.txt"], "--model: no 'mlp'"),
        (["generate", "RUN", "--prompt", ""], "--prompt: the text must begin"),
        (["generate", "RUN", "--top-p", "2"], "must be a number from 0 to 1; got '2'"),
        (["predict", "RUN", "x.npy"], "a run on a text; `assay generate` writes on"),
    ],
)
def test_a_mistake_is_one_line(words, said, run, capsys):
    words = [str(run) if word == "RUN" else word for word in words]
    try:
        status = main(words)
    except SystemExit as stop:
        status = stop.code
    err = capsys.readouterr().err
    assert status == 2 and said in err and err.count("\n") == 1
