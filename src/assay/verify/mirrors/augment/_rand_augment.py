"""Policies: every result is one that the other mirrors' changes give, as often as it
should be; AugMix is solved for its weights."""

import numpy as np

from assay.verify.mirrors._given import given, mark, static
from assay.verify.mirrors.augment import _colours
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import among as _among
from assay.verify.mirrors.augment._draws import many as _many
from assay.verify.mirrors.augment._draws import pixels as _pixels
from assay.verify.mirrors.augment._warp import _affine

_BLENDS = ("brightness", "saturation", "contrast", "sharpness")
_AUTO = {"shear": 0.3, "turn": 30, "blend": 0.9, "bits": (8, 4)}


def _warped(x, s, move, shear, turn):
    """The five warps of one strength and direction."""
    c, k = np.cos(np.deg2rad(turn) * s), np.sin(np.deg2rad(turn) * s)
    matrices = [[[1, shear * s, 0], [0, 1, 0]], [[1, 0, 0], [shear * s, 1, 0]]]
    matrices += [[[1, 0, move[0] * s], [0, 1, 0]], [[1, 0, 0], [0, 1, move[1] * s]]]
    matrices += [[[c, -k, 0], [k, c, 0]]]
    return [_affine(x, np.array(matrix)) for matrix in matrices]


def _levelled(x, m, bits):
    """Posterize, solarize, auto-contrast and equalize of one strength."""
    fewer = bits[0] - round((bits[0] - bits[1]) * m)
    results = [_colours.posterize(x, fewer), _colours.solarize(x, (1 - m) * 256 / 255)]
    return [*results, _colours.auto_contrast(x), _colours.equalize(x)]


def _blended(x, s, blend):
    return [getattr(_colours, "adjust_" + b)(x, 1 + blend * s) for b in _BLENDS]


def _possible(x, m, move, shear, turn, blend, bits):
    """(every change of strength m in 0 … 1, its chance), both ways where there are."""
    results = [x, *_levelled(x, m, bits)]
    chances = [1 / 14] * len(results)
    for s in (m, -m):
        both = [*_warped(x, s, move, shear, turn), *_blended(x, s, blend)]
        results, chances = results + both, chances + [1 / 28] * len(both)
    return results, chances


def _share_of_size(x, share):
    return share * x.shape[1], share * x.shape[0]


_WHY = "in ULP of 1; see warp_affine"


@mark(property=True, source="all 23 of the other mirrors", rows=True, ulp=64, why=_WHY)
@given(image=_pixels(6, 7, 3), magnitude=static(9.0), key=_a_key)
@given(image=_pixels(18, 17, 3), magnitude=static(20.0), key=_a_key)
def rand_augment(ours, image, magnitude, key):
    got = _many(ours, key, image, count=1, magnitude=magnitude)
    x = np.asarray(image, np.float64)
    move = _share_of_size(x, 150 / 331)
    possible, _ = _possible(x, magnitude / 30, move, **_AUTO)
    return _among(got, np.unique(np.float32(possible), axis=0))


def _as_often(got, results, chances):
    """(results, furthest frequency in its deviations < 6) and what they should be."""
    flat = np.float64(results).reshape(len(results), -1)
    _, first, which = np.unique(
        flat.round(4), axis=0, return_index=True, return_inverse=True
    )
    chance = np.bincount(which.ravel(), chances)
    known, seen = flat[first], np.float64(got).reshape(len(got), -1)
    nearest = (
        (seen**2).sum(1)[:, None] - 2 * seen @ known.T + (known**2).sum(1)
    ).argmin(1)
    count = np.bincount(nearest, minlength=len(known))
    n = len(got)
    spread = np.sqrt(n * chance * (1 - chance)) + 1
    expected = known[nearest]
    # A place read within float32's rounding of a level may be on its other side.
    beside = np.abs(seen - expected) > 1e-4
    facts = [(np.abs(count - n * chance) < 6 * spread).all()]
    facts += [count[n * chance > 12].all(), count[chance == 0].sum() == 0]
    facts += [beside.sum(1).max() <= 2]
    seen = np.where(beside, expected, seen)
    return np.append(seen, [*facts, beside.mean() < 1e-3]), np.append(expected, [1] * 5)


@mark(property=True, source="frequencies of the other mirrors", ulp=64, rows=True)
@given(image=_pixels(6, 7, 3), key=_a_key)
def trivial_augment(ours, image, key):
    got = _many(ours, key, image, draws=4000)
    x, wide = np.asarray(image, np.float64), {"shear": 0.99, "turn": 135}
    results, chances = [], []
    for level in range(31):
        more = _possible(x, level / 30, (32, 32), **wide, blend=0.99, bits=(8, 2))
        results, chances = results + more[0], chances + [c / 31 for c in more[1]]
    return _as_often(got, results, chances)


# The paper's tables again, in letters: change, chance in tenths (X: 10), level.
_PAPER = {
    "imagenet": "P48R69 O65A6. E8.E6. P67P66 E4.O24 E4.R88 O63E6. P85EX. R23O68 E6.P46 "
    "R88S40 R49E6. E0.E8. I6.EX. S64CX8 R88SX2 S88O87 H47I6. X65EX. S40E6. E4.O24 "
    "O65A6. I6.EX. S64CX8 E8.E6.",
    "cifar10": "I1.C26 R72L39 H81H93 Y58M79 A5.E9. Y27P37 S43B67 H39B79 E6.E5. C67H65 "
    "S77L58 E3.A4. M43H26 B96S28 O52I0. E2.A6. E2.E6. S99E6. A8.O28 B13S70 O45A9. "
    "M99M79 A9.O83 E8.I1. M79A9.",
    "svhn": "X94I2. Y98I7. E6.O66 I9.E6. E6.R93 X94A8. Y98I4. Y95O26 I9.A8. E6.R93 "
    "X94O33 Y88I7. E9.M66 I9.E6. C33R84 I8.M02 Y76O48 I6.R84 Y37L93 X16I6. O72M67 "
    "Y84I8. X79M83 Y85A7. X72I1.",
}


def _by_letter(x, letter, level):
    """The change's results, as likely each."""
    m = 0 if level == "." else int(level) / 9
    if letter in "POAE":
        return [_levelled(x, m, _AUTO["bits"])["POAE".index(letter)]]
    if letter == "I":
        return [1 - x]
    results = []
    for s in (m, -m):
        both = _warped(x, s, _share_of_size(x, 150 / 331), 0.3, 30)
        results += [[*both, *_blended(x, s, 0.9)]["XYLMRBSCH".index(letter)]]
    return results


def _outcomes(x, told):
    """[(result, chance)] of one sub-policy."""
    found = [(x, 1.0)]
    for letter, chance, level in (told[:3], told[3:]):
        p, before, found = (10 if chance == "X" else int(chance)) / 10, found, []
        for y, weight in before:
            after = _by_letter(y, letter, level)
            found += [(z, weight * p / len(after)) for z in after]
            found += [(y, weight * (1 - p))]
    return found


@mark(
    property=True, source="the paper's tables by the other mirrors", ulp=256, rows=True
)
@given(image=_pixels(18, 17, 1), policy=static("imagenet"), key=_a_key)
@given(image=_pixels(6, 7, 3), policy=static("cifar10"), key=_a_key)
@given(image=_pixels(6, 7, 3), policy=static("svhn"), key=_a_key)
def auto_augment(ours, image, policy, key):
    got = _many(ours, key, image, policy=policy, draws=4000)
    x = np.asarray(image, np.float64)
    told = _PAPER[policy].split()
    outcomes = [one for line in told for one in _outcomes(x, line)]
    chances = [weight / len(told) for _, weight in outcomes]
    return _as_often(got, [y for y, _ in outcomes], chances)


def _even(values):
    """Whether they are uniform in 0 … 1: Kolmogorov and Smirnov's distance."""
    values, n = np.sort(values), len(values)
    return (
        max(np.abs(values - (np.arange(n) + i) / n).max() for i in (0, 1)) < 2 / n**0.5
    )


@mark(property=True, source="least squares over the other mirrors")
@given(image=_pixels(18, 17, 1), key=_a_key)
def aug_mix(ours, image, key):
    # Of severity 0.1 all strengths are one: the result is linear in the weights.
    got = _many(ours, key, image, severity=0.1, width=2, depth=1).astype(np.float64)
    x = np.asarray(image, np.float64)
    changed = _levelled(x, 0.01, (4, 0))
    for s in (0.01, -0.01):
        changed += _warped(x, s, _share_of_size(x, 1 / 3), 0.3, 30)
    known = np.stack([x, *changed]).reshape(15, -1)
    # Apart from x: the directions are short.
    off = known[1:] - known[0]
    size = np.linalg.norm(off, axis=1)
    some = size > 1e-9
    y = (got.reshape(len(got), -1) - known[0]).T
    weights = np.zeros((14, len(got)))
    unit = off[some] / size[some, None]
    weights[some] = np.linalg.lstsq(unit.T, y)[0] / size[some, None]
    left = np.abs(off.T @ weights - y).max()
    two = np.sort(weights, 0)[-2:]
    both = two[:, two[0] > 1e-2]  # two different changes, both seen
    facts = [left < 1e-5, (np.sort(weights, 0)[:-2] < 1e-2).all()]
    facts += [weights.min() > -1e-2, len(both[0]) > len(got) / 2]
    facts += [_even(both.sum(0)), _even(2 * both[0] / both.sum(0))]
    return np.array(facts, float), np.ones(len(facts))
