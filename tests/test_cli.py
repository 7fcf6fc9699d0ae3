"""The command line: what it writes, what it prints, and what it says to mistakes."""

import contextlib
import gzip
import io
import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from assay.cli import main

TINY = ["--data", "students", "--epochs", "3", "--learning-rate", "0.01", "--quiet"]
ALONE = [*TINY, "--against", "none"]  # half the compilation


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run on the lecture's students; what it printed is in out.txt."""
    folder = tmp_path_factory.mktemp("runs") / "students"
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["train", *TINY, "--out", str(folder)]) == 0
    (folder.parent / "out.txt").write_text(out.getvalue())
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder in MNIST's format: 40 + 10 images of 12x12 in three classes."""
    folder = tmp_path_factory.mktemp("idx")
    rng = np.random.default_rng(0)
    for part, rows in (("train", 40), ("t10k", 10)):
        y = np.arange(rows) % 3
        x = rng.integers(0, 99, (rows, 16, 16)) + 60 * y[:, None, None]
        write_idx(folder / f"{part}-images-idx3-ubyte", x)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", y)
    return folder


def write_idx(path, array):
    """The bytes of an IDX file, compressed if the name says so."""
    head = (0x800 + array.ndim).to_bytes(4, "big")
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    text = head + sizes + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def complaint(capsys, *words):
    """The one line on standard error of a command that must end with status 2."""
    try:
        status = main(list(words))
    except SystemExit as stop:  # argparse's own
        status = stop.code
    err = capsys.readouterr().err
    assert status == 2
    assert err.count("\n") == 1 and "Traceback" not in err, err
    return err.strip()


def test_help_imports_neither_jax_nor_flax():
    """`--help` must answer at once, so the heavy rooms are imported inside commands."""
    code = """
        import sys, assay.cli
        try:
            assay.cli.main(["--help"])
        except SystemExit:
            pass
        heavy = {"jax", "flax", "optax", "numpy", "rich"} & set(sys.modules)
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_python_m_assay_is_the_command():
    """`python -m assay --version` prints one line."""
    command = [sys.executable, "-m", "assay", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("assay ")


def test_a_run_is_written_whole(run):
    """Parameters, history, settings and the picture; nothing temporary stays."""
    names = sorted(path.name for path in run.iterdir())
    assert names == ["curves.png", "history.json", "params.npz", "run.json"]
    history = json.loads((run / "history.json").read_text())
    assert [len(history[name]) for name in ("loss", "accuracy")] == [3, 3]
    settings = json.loads((run / "run.json").read_text())
    assert settings["model"] == "mlp" and settings["against"] == "optax:adam"
    assert settings["result"]["epochs"] == 3


def test_the_report_names_the_greatest_difference(run):
    """Table, accuracy, speed, and our Adam against Optax's with step and leaf."""
    out = (run.parent / "out.txt").read_text()
    lines = [line for line in out.splitlines() if "written to" not in line]
    assert max(map(len, lines)) <= 80
    for words in ("epoch", "accuracy", "test accuracy", "samples a second", "ULP"):
        assert words in out
    assert "step" in out and "layers/" in out
    assert "adam follows the rule of optax:adam at every step" in out


@pytest.mark.optimized
def test_a_seed_gives_the_same_bits_watched_or_not(run, tmp_path):
    """Nothing depends on the clock, nor on the reference that runs beside."""
    assert main(["train", *ALONE, "--out", str(tmp_path)]) == 0
    with np.load(run / "params.npz") as a, np.load(tmp_path / "params.npz") as b:
        assert all(np.array_equal(a[name], b[name]) for name in a.files)


def test_evaluate_repeats_the_result(run, capsys):
    """The parameters read back give the accuracy that was written."""
    assert main(["evaluate", str(run), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    then = json.loads((run / "run.json").read_text())["result"]
    assert again["accuracy"] == then["test_accuracy"]
    assert again["loss"] == pytest.approx(then["test_loss"])
    assert main(["evaluate", str(run)]) == 0
    assert "when trained" in capsys.readouterr().out


def test_predict_reads_csv_npy_and_npz(run, tmp_path, capsys):
    """Named columns in any order, or bare numbers: the same probabilities."""
    table = "sleep hours,study hours\n5,1\n8,7\n"
    (tmp_path / "named.csv").write_text(table)
    (tmp_path / "bare.csv").write_text("1,5\n7,8\n")
    x = np.array([[1.0, 5.0], [7.0, 8.0]])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x)
    found = []
    for name in ("named.csv", "bare.csv", "x.npy", "x.npz"):
        assert main(["predict", str(run), str(tmp_path / name), "--json"]) == 0
        lines = capsys.readouterr().out.splitlines()
        found.append([json.loads(line) for line in lines])
    assert all(rows == found[0] for rows in found)
    assert len(found[0]) == 2
    assert sum(found[0][0]["probabilities"]) == pytest.approx(1, abs=1e-6)
    assert main(["predict", str(run), str(tmp_path / "x.npy")]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize(
    "model, shape",
    [("lenet5", (28, 28, 1)), ("mlp", (256,)), ("gru", (16, 16)), ("rnn", (16, 16))],
)
def test_every_model_takes_images_its_way(model, shape):
    """Enlarged for convolutions, flat for dense layers, line by line for cells."""
    from assay.cli import _inputs

    assert _inputs.fit_inputs(model, np.ones((3, 16, 16, 1))).shape == (3, *shape)


def test_a_folder_of_images(images, tmp_path, capsys):
    """IDX in, plain or compressed, LeNet-5 without being asked."""
    words = ["--data", str(images), "--epochs", "1", "--quiet", "--against", "none"]
    out = str(tmp_path / "run")
    assert main(["train", *words, "--out", out, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert 0 <= result["test_accuracy"] <= 1
    assert main(["evaluate", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 10
    inputs = str(images / "t10k-images-idx3-ubyte")
    assert main(["predict", out, inputs]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 11


def test_early_stopping_and_an_integer_table(tmp_path, capsys):
    """A CSV file with words for classes; patience runs out on noise."""
    rng = np.random.default_rng(0)
    rows = [
        f"{a:.3f},{b:.3f},{'yes' if a > 0 else 'no'}"
        for a, b in rng.normal(size=(90, 2))
    ]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,label", *rows]))
    words = ["--data", str(path), "--epochs", "400", "--schedule", "constant"]
    words += ["--learning-rate", "0.05", "--early-stopping", "2", "--against", "none"]
    assert main(["train", *words, "--out", str(tmp_path / "r"), "--quiet"]) == 0
    settings = json.loads((tmp_path / "r" / "run.json").read_text())
    assert settings["words"] == ["no", "yes"] and settings["features"] == ["a", "b"]
    assert settings["result"]["stop"] == "patience"
    assert "early stopping" in capsys.readouterr().out


def test_ctrl_c_keeps_what_was_learned(tmp_path, monkeypatch, capsys):
    """The epochs that were finished are written; the shell hears of the signal."""
    from assay.cli import _train

    def cells(row, widths):
        if row[0] == 2:
            raise KeyboardInterrupt
        return "row"

    monkeypatch.setattr(_train, "cells", cells)
    assert main(["train", *ALONE, "--out", str(tmp_path)]) == 130
    assert "interrupted from the keyboard" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "history.json").read_text())["loss"]) == 2
    assert main(["evaluate", str(tmp_path)]) == 0


def test_divergence_is_said_and_fails(tmp_path, capsys):
    """A rate that blows up ends the run with status 1, with finite parameters."""
    words = ["--optimizer", "sgd", "--learning-rate", "1e30", "--schedule", "constant"]
    words += ["--against", "none"]
    assert main(["train", *TINY[:4], *words, "--out", str(tmp_path), "--quiet"]) == 1


WRONG = '''
import jax, jax.numpy as jnp
from typing import NamedTuple

class Pair(NamedTuple):
    init: object
    update: object

def inside(learning_rate):
    """Adam with eps inside the square root."""
    from assay import optim
    return optim.adam(learning_rate, eps=0.0, eps_root=1e-4)

def late(learning_rate):
    """Adam whose count is one ahead."""
    from assay import optim
    tx = optim.adam(learning_rate)
    def init(params):
        state = tx.init(params)
        return jax.tree.map(lambda a: a + 1 if a.dtype == jnp.int32 else a, state)
    return Pair(init, tx.update)

def broken(learning_rate):
    raise RuntimeError("out of order\\nsecond line")

def nothing(learning_rate):
    return 7
'''


@pytest.fixture
def wrong_module(tmp_path, monkeypatch):
    """A user's module of optimizers on the path."""
    (tmp_path / "wrong_rules.py").write_text(WRONG)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "wrong_rules"
    sys.modules.pop("wrong_rules", None)


@pytest.mark.parametrize("name", ["inside", "late"])
def test_a_wrong_optimizer_is_reported(wrong_module, name, tmp_path, capsys):
    """Its first differing step and leaf, and status 1."""
    words = ["--optimizer", f"{wrong_module}:{name}", "--out", str(tmp_path / "r")]
    assert main(["train", *TINY, *words]) == 1
    out = capsys.readouterr().out
    assert "step 1" in out and "layers/" in out and "differ" in out


MISTAKES = {
    ("trian",): "assay: no command 'trian'. Did you mean 'train'?",
    ("train", "--model", "lenet"): "--model: no 'lenet'. Did you mean 'lenet5'?",
    ("train", "--data", "digit"): "Did you mean 'digits'?",
    ("train", "--data", "no/such/folder"): "no such file or folder",
    ("train", "--data", "students", "--optimizer", "adm"): "Did you mean 'adam'?",
    ("train", "--data", "students", "--optimizer", "optax:admw"): "'optax:adamw'?",
    ("train", "--data", "students", "--optimizer", "no_module:f"): "no_module",
    ("train", "--data", "students", "--against", "optax:adm"): "--against",
    ("train", "--data", "students", "--model", "lenet5"): "needs images",
    ("train", "--schedule", "cosin"): "Did you mean 'cosine'?",
    ("train", "--epoch", "3"): "no option '--epoch'. Did you mean '--epochs'?",
    ("train", "--epochs", "0"): "must be a whole number above zero; got '0'",
    ("train", "--learning-rate", "nan"): "must be a number above zero; got 'nan'",
    ("evaluate", "no/such/run"): "no/such/run: no such folder",
    ("predict", "no/such/run", "x.npy"): "no such folder",
    ("verify", "--room", "loses"): "--room: no 'loses'. Did you mean 'losses'?",
    ("bench", "--room", "layer"): "Did you mean 'layers'?",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_gets_one_line_and_status_2(words, capsys):
    """What is wrong, and where a name is near, the name that was meant."""
    assert MISTAKES[words] in complaint(capsys, *words)


TABLES = {
    "1,2,0\n3,1\n": "row 2 must have 3 columns; got 2",
    "1,2,0\n3,x,1\n": "row 2",
    "1,nan,0\n3,1,1\n": "finite",
    "1,2,0\n3,4,-1\n5,6,1\n": "labels must be from 0 to 2; got -1",
    "1,2,0\n3,4,1\n5,6,900\n": "labels must be from 0 to 2; got 900",
    "1,2,0.5\n3,4,1.5\n5,6,2.5\n7,8,1.0\n": "the last column must be a class",
    "": "empty",
    "\x00\x01\x02": "--data:",
}


@pytest.mark.parametrize("text", TABLES, ids=repr)
def test_a_bad_table_is_one_line(text, tmp_path, capsys):
    """Ragged, not a number, not finite, labels out of range, empty."""
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert TABLES[text] in complaint(capsys, "train", "--data", str(path))


def test_a_bad_folder_is_one_line(images, tmp_path, capsys):
    """A file cut short, a label far out of range."""
    for path in images.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert "idx" in complaint(capsys, "train", "--data", str(tmp_path.parent))
    labels = tmp_path / "train-labels-idx1-ubyte.gz"
    write_idx(labels, np.array([0, 1, 2, 255] * 10))
    said = complaint(capsys, "train", "--data", str(tmp_path))
    assert "labels must be from 0 to 3; got 255" in said
    labels.write_bytes(labels.read_bytes()[:20])
    said = complaint(capsys, "train", "--data", str(tmp_path))
    assert "train-labels" in said


def test_bad_inputs_are_one_line(run, tmp_path, capsys):
    """Missing, wrong shape, not numbers, not finite, not an array at all."""
    predict = lambda name: complaint(capsys, "predict", str(run), str(tmp_path / name))  # noqa: E731
    assert "no such file" in predict("absent.npy")
    np.save(tmp_path / "wide.npy", np.ones((2, 3)))
    assert "needs 2 columns; got (2, 3)" in predict("wide.npy")
    np.save(tmp_path / "nan.npy", np.array([[1.0, 2.0], [np.nan, 1.0]]))
    assert "row 1 is not" in predict("nan.npy")
    np.save(tmp_path / "words.npy", np.array([["a", "b"]]))
    assert "must be numbers" in predict("words.npy")
    (tmp_path / "junk.npy").write_bytes(b"junk")
    assert "junk.npy" in predict("junk.npy")
    (tmp_path / "named.csv").write_text("study hour,sleep hours\n1,2\n")
    assert "no column 'study hours'. Did you mean 'study hour'?" in predict("named.csv")


def test_a_damaged_run_is_one_line(run, tmp_path, capsys):
    """Settings that are no settings, parameters of another model."""
    for path in run.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "params.npz").write_bytes(b"PK")
    assert "params.npz" in complaint(capsys, "evaluate", str(tmp_path))
    (tmp_path / "run.json").write_text("{}")
    said = complaint(capsys, "evaluate", str(tmp_path))
    assert "not the settings of a run" in said
    (tmp_path / "run.json").write_text("{")
    assert "run.json" in complaint(capsys, "evaluate", str(tmp_path))


def test_users_functions_that_fail_are_one_line(wrong_module, capsys):
    """An optimizer that raises, and one that is none."""
    train = ("train", *TINY, "--optimizer")
    assert "out of order" in complaint(capsys, *train, f"{wrong_module}:broken")
    assert "(init, update)" in complaint(capsys, *train, f"{wrong_module}:nothing")


def test_a_missing_extra_answers_with_the_command(monkeypatch, capsys):
    """Without scikit-learn: how to install it, not a traceback."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    said = complaint(capsys, "train")
    assert "pip install 'assay[data]'" in said


def test_without_matplotlib_the_run_is_written(monkeypatch, tmp_path, capsys):
    """The picture alone is missing, and the command is said."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["train", *ALONE, "--out", str(tmp_path)]) == 0
    assert "pip install 'assay[plots]'" in capsys.readouterr().out
    assert not (tmp_path / "curves.png").exists()


def test_verify_fails_when_a_row_does(monkeypatch, capsys):
    """Status 0 when all is right, 1 when one function is wrong; JSON a line a row."""
    from assay import verify

    right = verify.Row("costs", "a", "formula", 0.0, 0.0, None, True)
    wrong = right._replace(name="b", ulp=float("inf"), ok=False, note="far off")
    monkeypatch.setattr(verify, "rows", lambda rooms: iter([right]))
    assert main(["verify", "--room", "costs"]) == 0
    assert "right" in capsys.readouterr().out
    monkeypatch.setattr(verify, "rows", lambda rooms: iter([right, wrong]))
    monkeypatch.setattr(verify, "conventions", lambda: [])
    assert main(["verify", "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["ok"] for line in lines] == [True, False]
    assert lines[1]["ulp"] is None


def test_bench_prints_a_row_a_function(monkeypatch, capsys):
    """Ratios in 80 columns; JSON with versions; disagreement is status 1."""
    from assay import activations
    from assay.cli import _bench

    few = {"relu": activations.relu, "tanh": activations.tanh}
    monkeypatch.setattr(_bench, "discover", lambda room: few)
    words = ["bench", "--room", "activations", "--rounds", "1"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "relu" in out and max(map(len, out.splitlines())) <= 80
    assert main([*words, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == ["relu", "tanh"]
    monkeypatch.setattr(_bench, "discover", lambda room: {"relu": activations.tanh})
    assert main(words) == 1
    assert "must agree" in capsys.readouterr().out


def test_info_says_where_we_are(monkeypatch, capsys):
    """Versions, device and ceilings, for people and for machines."""
    from assay import bench

    monkeypatch.setattr(bench, "ceilings", lambda: bench.Ceilings(100.0, 10.0))
    assert main(["info"]) == 0
    assert "100.0 GFLOP/s" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stream_gbs"] == 10.0


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "verify", "bench"])
def test_every_command_has_help_in_80_columns(command, capsys, monkeypatch):
    """Options with what they do and what they are without being said."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    out = capsys.readouterr().out
    assert stop.value.code == 0 and max(map(len, out.splitlines())) <= 80
