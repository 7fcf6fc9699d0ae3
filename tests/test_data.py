"""Data: the lectures' tables, the fixed splits, and files with faults."""

import gzip
import sys

import jax
import numpy as np
import pytest

from assay import data


def test_students_split_is_scikit_learns():
    """The embedded rows are those of train_test_split(random_state=42)."""
    split = pytest.importorskip("sklearn.model_selection").train_test_split
    train, test = split(np.arange(15), test_size=0.3, random_state=42)
    assert tuple(train) == data.STUDENTS_TRAIN
    assert tuple(test) == data.STUDENTS_TEST


@pytest.mark.parametrize(
    ("name", "truth"),
    [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("xor", [0, 1, 1, 0])],
)
def test_logic(name, truth):
    """The truth tables, in the order 00, 01, 10, 11."""
    x, y = data.logic(name).train
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]] and y.tolist() == truth


def test_logic_suggests():
    """A typo in the name is answered with the nearest one."""
    with pytest.raises(ValueError, match="Did you mean 'xor'"):
        data.logic("xorr")


def test_football_inhibition():
    """Not at home: never; else any reason is enough."""
    x, y = data.football().train
    for (league, friendly, away, united), goes in zip(x, y, strict=True):
        assert goes == (not away and bool(league or friendly or united))


def test_digits_are_stratified_and_fixed():
    """1437 and 360 rows, a fifth of each class, the same each time, in [0, 1]."""
    pytest.importorskip("sklearn")
    one, two = data.digits(), data.digits()
    assert len(one.train[0]) == 1437 and len(one.test[0]) == 360
    assert all((a == b).all() for a, b in zip(one.test, two.test, strict=True))
    share = np.bincount(one.test[1]) / np.bincount(np.append(one.train[1], one.test[1]))
    assert abs(share - 0.2).max() < 0.01
    assert one.train[0].dtype == np.float32 and one.train[1].dtype == np.int32
    assert one.train[0].min() == 0 and one.train[0].max() == 1


def test_digits_without_scikit_learn(monkeypatch):
    """A missing extra answers with the install command."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'assay\[data\]'"):
        data.digits()


def test_enlarge_keeps_a_constant():
    """Bilinear weights sum to one, also at the borders."""
    images = np.full((2, 8, 8, 3), 0.25, np.float32)
    assert np.allclose(data.enlarge(images, 28), 0.25)
    assert data.enlarge(images, 28).shape == (2, 28, 28, 3)


# IDX ----------------------------------------------------------------------------


def idx_bytes(array):
    """The array as an IDX file of bytes."""
    head = (0x800 + array.ndim).to_bytes(4, "big")
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path):
    """An MNIST-format folder: three training images, two test images."""
    rng = np.random.default_rng(0)
    for part, n in (("train", 3), ("t10k", 2)):
        images = rng.integers(0, 256, (n, 5, 4))
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        labels = gzip.compress(idx_bytes(np.arange(n)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(labels)
    return tmp_path


def test_idx_reads_plain_and_gz(folder):
    """Images in [0, 1] with a channel axis, labels as int32."""
    dataset = data.idx(folder)
    assert dataset.train[0].shape == (3, 5, 4, 1) and dataset.test[1].tolist() == [0, 1]
    raw = np.frombuffer(
        (folder / "train-images-idx3-ubyte").read_bytes()[16:], np.uint8
    )
    assert np.allclose(dataset.train[0].ravel() * 255, raw)
    assert dataset.train[1].dtype == np.int32


def test_idx_truncated(folder):
    """A file cut short names itself and both sizes."""
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match=r"train-images.* must have 76 bytes.*got 69"):
        data.idx(folder)


@pytest.mark.parametrize("size", [0, 3, 9])
def test_idx_without_a_whole_header(folder, size):
    """Not even a header: an error, not a crash."""
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="t10k-images-idx3-ubyte must"):
        data.idx(folder)


def test_idx_truncated_gz(folder):
    """A gzip file cut short says so."""
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(ValueError, match="must be a whole gzip file"):
        data.idx(folder)


def test_idx_wrong_magic(folder):
    """Labels where images should be: the magic number tells."""
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(np.arange(2)))
    with pytest.raises(ValueError, match="magic number 2051; got 2049"):
        data.idx(folder)


def test_idx_unequal_counts(folder):
    """As many labels as images."""
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(np.arange(5))))
    with pytest.raises(ValueError, match="2 images and 5 labels"):
        data.idx(folder)


def test_idx_missing(folder):
    """A missing file is named."""
    (folder / "train-images-idx3-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte or .gz"):
        data.idx(folder)


# CSV ----------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    """Write lines to a file, and give its path."""

    def write(*lines):
        path = tmp_path / "table.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_csv_without_a_header(table):
    """Numbers only: the last column is the target; whole targets are labels."""
    d = data.csv(table("1.5,2,0", "2.5,3,1", "", "3.5,4,1"), fraction=1.0)
    assert d.names == ("column 1", "column 2") and d.train[1].dtype == np.int32
    assert sorted(map(tuple, np.c_[d.train[0], d.train[1]].tolist())) == [
        (1.5, 2, 0),
        (2.5, 3, 1),
        (3.5, 4, 1),
    ]


def test_csv_with_words_for_labels(table):
    """Words become labels in alphabetical order; features keep their names."""
    path = table("kind,size,age", "dog,1,2", "cat,3,4", "dog,5,6", "ape,7,8")
    d = data.csv(path, target="kind", fraction=1.0)
    assert d.classes == ("ape", "cat", "dog") and d.names == ("size", "age")
    words = {
        float(row[0]): d.classes[label] for row, label in zip(*d.train, strict=True)
    }
    assert words == {1: "dog", 3: "cat", 5: "dog", 7: "ape"}


def test_csv_regression(table):
    """Targets written with a decimal point stay numbers."""
    d = data.csv(table("x,price", "1,2.0", "2,4.5"), fraction=1.0)
    assert d.train[1].dtype == np.float32


def test_csv_split_is_fixed(table):
    """80 of 100 rows, the same rows each time."""
    path = table("x,y", *(f"{i},{i % 2}" for i in range(100)))
    one, two = data.csv(path), data.csv(path)
    assert len(one.train[0]) == 80 and (one.train[0] == two.train[0]).all()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("a,b", "1,2", "x,3"), r"row 3, column 'a' must be a finite number; got 'x'"),
        (("a,b", "1,2", "nan,3"), "row 3, column 'a' must be a finite number"),
        (("a,b", "1,2", "inf,3"), "row 3, column 'a' must be a finite number"),
        (("a,b", "1,2", ",3"), "row 3, column 'a' must be a finite number; got ''"),
        (("a,b", "1,2", "3,"), "row 3, column 'b' must not be empty"),
        (
            ("a,b", "1,2", "3,cat"),
            "row 3, column 'b' must be a finite number; got 'cat'",
        ),
        (("a,b", "1,2", "3"), "row 3 must have 2 columns; got 1"),
        (("a,b", "1,2", "3,4,5"), "row 3 must have 2 columns; got 3"),
        (("a,b",), "rows under the header"),
        (("",), "an empty file"),
    ],
)
def test_csv_malformed(table, lines, message):
    """Each fault gives one sentence with its row and column."""
    with pytest.raises(ValueError, match=message):
        data.csv(table(*lines))


def test_csv_unknown_target(table):
    """A misspelt column is answered with the nearest one; a place must exist."""
    path = table("size,colour", "1,2")
    with pytest.raises(ValueError, match="Did you mean 'colour'"):
        data.csv(path, target="color")
    with pytest.raises(ValueError, match=r"target must be in \[-2, 1\]; got 5"):
        data.csv(path, target=5)


def test_split_is_a_partition(key):
    """Every row is on one side, x and y stay together, another key another split."""
    x = np.arange(11)
    parts = data.split((x, x * 10), 0.6, key)
    assert len(parts.train[0]) == 7
    assert sorted([*parts.train[0], *parts.test[0]]) == list(range(11))
    assert all((x * 10 == y).all() for x, y in parts[:2])
    other = data.split((x, x), 0.6, jax.random.key(1))
    assert (other.train[0] != parts.train[0]).any()


def test_padding_comes_off_again():
    """Ragged steps of vectors; a fixed time, another value, an empty sequence."""
    rng = np.random.default_rng(0)
    ragged = [rng.standard_normal((n, 3)).astype(np.float32) for n in (2, 5, 0)]
    x, lengths = data.pad_sequences(ragged, time=6, value=-1.0)
    assert x.shape == (3, 6, 3) and x.dtype == np.float32
    assert lengths.dtype == np.int32 and lengths.tolist() == [2, 5, 0]
    assert (x[0, 2:] == -1).all() and (x[2] == -1).all()
    for got, true in zip(data.unpad_sequences(x, lengths), ragged, strict=True):
        np.testing.assert_array_equal(got, true)


def test_sequences_that_do_not_fit_are_named():
    """Longer than the time, of different features, or none."""
    for bad in ([np.ones(7)], [np.ones((2, 3)), np.ones((2, 4))], []):
        with pytest.raises(ValueError, match="pad_sequences: there must be sequences"):
            data.pad_sequences(bad, time=6)
