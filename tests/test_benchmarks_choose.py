"""The table of forms: what it holds, how it is written anew, how it is checked."""

import json
import sys
from pathlib import Path

import pytest

from assay.layers import _choices, _conv_forms, _pool_forms

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
choose = pytest.importorskip("benchmarks.choose", reason="not in a checkout")
sys.path.remove(str(ROOT))

FORMS = {"conv": set(_conv_forms.FORMS)}
FORMS |= {name: set(forms) for name, forms in _pool_forms.FORMS.items()}
ROWS = _choices.rows()


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table of its own, with one row of another platform."""
    path = tmp_path / "choices.jsonl"
    other = {**ROWS[0], "platform": "tpu"}
    path.write_text(json.dumps(other) + "\n")
    monkeypatch.setattr(_choices, "FILE", path)
    return path


@pytest.fixture
def tiny(monkeypatch):
    """Two classes of a few numbers."""
    make = choose._choose_conv.case
    cases = [make((8, 4, 5, 3), k, 1) for k in ((3, 2, 1, 3), (3, 2, 3, 4))]
    monkeypatch.setattr(choose, "OPERATIONS", {"conv": lambda: iter(cases)})
    return cases


def test_every_row_is_of_forms_that_exist_and_measured():
    """Every form has its milliseconds, and the choice is one of them."""
    assert len(ROWS) > 30
    for row in ROWS:
        assert row["platform"] in _choices.PLATFORMS and row["device"] and row["jax"]
        for direction in _choices.DIRECTIONS:
            assert row["chosen"][direction] in row[direction]
            assert {"lax"} <= set(row[direction]) <= FORMS[row["operation"]]


def test_no_row_chooses_a_form_slower_than_xlas():
    """Within 1.05 of it by the row's own measurement, and nearly the fastest."""
    for row in ROWS:
        for direction in _choices.DIRECTIONS:
            times, name = row[direction], row["chosen"][direction]
            assert times[name] <= choose.SLOWER * times["lax"], row["class"]
            assert times[name] <= choose.SLOWER * min(times.values()), row["class"]


def test_each_class_has_one_row():
    """On each platform, and in the order in which they are written."""
    keys = [_choices.key(row) for row in ROWS]
    assert keys == sorted(set(keys))


def test_every_row_is_of_a_class_that_is_measured():
    """No row is left over from a table before, which nothing would write anew."""
    cases = {(c.operation, c.shape_class) for c in choose.all_cases()}
    assert {(row["operation"], row["class"]) for row in ROWS} <= cases


def test_the_table_is_written_anew(table, tiny, monkeypatch, capsys):
    """Every form measured, the row of the other platform kept, 80 columns."""
    monkeypatch.setattr(choose, "ROUNDS", 1)
    assert choose.main([]) == 0
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    assert sorted({row["platform"] for row in rows}) == ["cpu", "tpu"]
    mine = {row["class"]: row for row in rows if row["platform"] == "cpu"}
    assert set(mine) == {c.shape_class for c in tiny}
    for case in tiny:
        row = mine[case.shape_class]
        assert set(row["forward"]) == set(case.forward)
        assert min(row["backward"].values()) > 0
    assert list(table.parent.iterdir()) == [table]
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_only_names_classes(table, tiny, monkeypatch):
    """The others are not measured."""
    monkeypatch.setattr(choose, "ROUNDS", 1)
    assert choose.main(["--only", "depthwise"]) == 0
    assert len(table.read_text().splitlines()) == 2


@pytest.mark.parametrize("slow", [1.0, 1.2, 3.0])
def test_a_chosen_loser_is_found(table, tiny, monkeypatch, slow, capsys):
    """The check fails where the chosen form became slower than XLA's own."""
    row = {"dtype": "float32", "platform": "cpu", "operation": "conv"}
    rows = [
        {
            **row,
            "class": case.shape_class,
            "chosen": dict.fromkeys(_choices.DIRECTIONS, list(case.forward)[1]),
        }
        for case in tiny
    ]
    choose.write(rows)

    def measured(case):
        names = list(case.forward)
        times = {n: slow if n == names[1] else 1.0 for n in names}
        return dict.fromkeys(_choices.DIRECTIONS, times)

    monkeypatch.setattr(choose, "measured", measured)
    assert choose.main(["--check", "--seed", "0"]) == (slow > choose.SLOWER)
    assert ("A loser is chosen" in capsys.readouterr().out) == (slow > choose.SLOWER)


def test_a_form_that_disagrees_is_not_raced(tiny):
    """Its numbers are compared with XLA's own before the clock starts."""
    case = tiny[0]
    wrong = {
        **case.forward,
        "taps": lambda x, kernel: 2 * case.forward["lax"](x, kernel),
    }
    with pytest.raises(ValueError, match="taps: must agree with XLA's own"):
        choose.measured(case._replace(forward=wrong), 1)


def test_a_write_that_fails_leaves_the_table(table, monkeypatch):
    """Whole, or not at all."""
    before = table.read_text()
    with pytest.raises(TypeError):
        choose.write([{**ROWS[0], "device": object()}])
    assert table.read_text() == before
