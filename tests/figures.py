"""How the lectures' tests compare a number with a printed figure.

`exactly` is the recomputed number, to its last printed digit. `lecture` is the figure
that a lecture prints (it truncates as often as it rounds): within one unit of its
last digit. `erratum` is a printed figure that is wrong, and has to stay wrong.
L0, L1, L2 and L3 are the four lectures, in the order of their files.
"""


def gap(value, printed):
    """The distance from a printed number, in units of its last printed digit."""
    unit = 10.0 ** -len(printed.partition(".")[2])
    return abs(float(value) - float(printed)) / unit


def exactly(value, printed):
    rounding = 4 if len(printed) > 15 else 0.5 + 1e-6  # float64 has no more digits
    assert gap(value, printed) <= rounding, f"{float(value)!r} is not {printed}"


def lecture(value, printed):
    assert gap(value, printed) <= 1 + 1e-6, f"{float(value)!r} against {printed}"


def erratum(value, printed):
    assert gap(value, printed) > 1, f"{float(value)!r} agrees with {printed} after all"


def many(check, values, printed):
    for value, text in zip(values, printed.split(), strict=True):
        check(value, text)
