"""Changes by chance: both results occur; factors lie in their range, in any order."""

import numpy as np

from assay.verify.mirrors._given import given, mark, static
from assay.verify.mirrors.augment import _colours
from assay.verify.mirrors.augment._draws import a_key as _a_key
from assay.verify.mirrors.augment._draws import among as _among
from assay.verify.mirrors.augment._draws import many as _many
from assay.verify.mirrors.augment._draws import pixels as _pixels


def _inverted(x):
    return 1 - x


@mark(property=True, source="image or its negative, both occur")
@given(image=_pixels(4, 3, 2), change=static(_inverted), key=_a_key)
def random_apply(ours, image, change, key):
    image = np.asarray(image)
    return _among(_many(ours, key, image, change), [image, 1 - image])


@mark(property=True, source="mean and spread tell both factors")
@given(image=static(np.array([0.3, 0.4, 0.5]).reshape(3, 1, 1)), key=_a_key)
@given(image=static(np.array([0.4, 0.5, 0.6]).reshape(1, 3, 1)), key=_a_key)
def color_jitter(ours, image, key):
    """Where nothing is clipped the mean grows by the brightness, the spread by both."""
    x = np.asarray(image, np.float32)
    got = _many(ours, key, x, brightness=0.2, contrast=0.3).astype(np.float64)
    flat, one = got.reshape(len(got), 3), x.ravel().astype(np.float64)
    bright = flat.mean(1) / one.mean()
    contrast = (flat[:, 2] - flat[:, 0]) / (one[2] - one[0]) / bright
    pairs = zip(bright, contrast, strict=True)
    expected = np.array([_colours.adjust_contrast(b * x, c) for b, c in pairs])
    facts = [abs(bright - 1).max() < 0.2001, abs(contrast - 1).max() < 0.3001]
    facts += [np.ptp(bright) > 0.38, np.ptp(contrast) > 0.57]
    return (got, np.array(facts)), (expected, np.ones(4))
