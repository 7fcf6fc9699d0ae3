"""Every example runs, from anywhere, and its own asserts hold."""

import importlib.util
import re
import runpy
from pathlib import Path

import jax
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))
# What the lectures name, in their order; then the house's own.
SYSTEMS = """neuron mcculloch_pitts perceptron lms xor backpropagation activations
losses gradient_descent optimizers vanishing_gradients regularization convolution
lenet recurrent pass_fail linen verify_your_optimizer fast_derivatives
sequence_to_sequence semantic_search vision_transformer byte_gpt"""
LONG = {"regularization", "lenet", "recurrent", "pass_fail", "sequence_to_sequence"}
LONG |= {"vision_transformer", "byte_gpt"}


def system(path):
    return path.stem.partition("_")[2]


def test_every_system_has_its_example():
    """One file a system, numbered without a gap."""
    expected = [f"{i:02}_{name}" for i, name in enumerate(SYSTEMS.split(), 1)]
    assert [path.stem for path in FILES] == expected


@pytest.mark.parametrize("path", FILES, ids=system)
def test_example_runs(path, tmp_path, monkeypatch, capsys):
    """It finishes under the default flags, in an empty folder, and prints something."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(path), str(tmp_path)])
    if system(path) in LONG:
        monkeypatch.setenv("ASSAY_STEPS", "2")
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        runpy.run_path(str(path), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed
    for picture in re.findall(r"picture: (.*)", printed):
        assert Path(picture).is_file()


@pytest.mark.parametrize("path", FILES, ids=system)
def test_example_reads_well(path):
    """One screen and a half: what to expect first, asserts at the end, < 120 lines."""
    text = path.read_text()
    assert len(text.splitlines()) < 120
    assert "You should get" in text.split('"""')[1]
    assert re.search(r"^assert |^    assert |^np.testing", text, re.M)


def test_a_missing_matplotlib_is_one_line(monkeypatch, capsys, tmp_path):
    """Without matplotlib an example says so and goes on."""
    monkeypatch.setattr("sys.argv", ["07_activations.py", str(tmp_path)])
    if importlib.util.find_spec("matplotlib"):
        monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        runpy.run_path(str(EXAMPLES / "07_activations.py"))
    assert "pip install 'assay[plots]'" in capsys.readouterr().out
