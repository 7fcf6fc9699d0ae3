"""CTC by probabilities in extended precision, and by walking through every path."""

import itertools

import numpy as np

from assay.verify.mirrors._given import Draw, given, integers, mark, normal, static


def _paddings(batch, size, *counts):
    """1 beyond each row's count, from the left."""
    rows = np.arange(size)[None] >= np.array(counts)[:, None]
    return Draw(lambda _: rows.reshape(batch, size).astype(float), differentiable=False)


def _fixed(values):
    return Draw(lambda _: np.array(values), differentiable=False)


def _without(*shape, unused):
    """Logits of which one class, in no label, has probability 0."""

    def make(rng):
        x = rng.normal(size=shape)
        x[..., unused] = -np.inf
        return x

    return Draw(make, differentiable=False)


def _confident(path, classes):
    """Logits that leave little doubt of the path."""
    return Draw(
        lambda rng: (
            rng.normal(size=(1, len(path), classes)) + 20 * np.eye(classes)[path]
        )
    )


def _shares(logits):
    e = np.exp((logits - logits.max(-1, keepdims=True)).astype(np.longdouble))
    return e / e.sum(-1, keepdims=True)


def _alphas(p, labels, blank):
    """The textbook's forward variables over blank, y₁, blank, y₂, … blank."""
    states = [blank, *itertools.chain.from_iterable((y, blank) for y in labels)]
    alpha = np.zeros(len(states), np.longdouble)
    alpha[0], rows = 1, []
    for t, frame in enumerate(p):
        old = np.append([0, 0], alpha)
        skip = [s > 1 and y not in (blank, states[s - 2]) for s, y in enumerate(states)]
        # Before the first frame the path stands before the first blank.
        enter = np.array([s == 1 for s in range(len(states))]) * (t == 0)
        stay = old[2:] + old[1:-1] * (t > 0) + np.where(skip, old[:-2], 0) * (t > 0)
        alpha = (stay + enter) * frame[states]
        rows.append(alpha)
    return np.array(rows).reshape(len(p), len(states)), alpha


def _log(x):
    with np.errstate(divide="ignore"):
        return np.log(x)


def _one(logits, padding, labels, unused, blank):
    """(loss, α of every frame, those that padding repeats as well)."""
    kept = labels[unused == 0]
    p = _shares(logits[padding == 0]) if (padding == 0).any() else logits[:0]
    rows, last = _alphas(p, kept, blank)
    first = np.zeros((1, rows.shape[1]))
    first[0, 0] = 1
    seen = np.cumsum(padding == 0)
    return -_log(last[-2:].sum()), np.append(first, rows, 0)[seen]


_GIVEN = [
    given(
        logits=normal(2, 4, 3),
        logit_paddings=_paddings(2, 4, 4, 3),
        labels=_fixed([[1, 1], [2, 1]]),
        label_paddings=_paddings(2, 2, 2, 1),
    ),
    given(
        logits=normal(3, 9, 5, scale=4.0),
        logit_paddings=_paddings(3, 9, 9, 7, 4),
        labels=_fixed([[1, 2, 2], [3, 3, 3], [4, 4, 1]]),
        label_paddings=_paddings(3, 3, 3, 0, 2),
    ),
    given(  # impossible, and of no frame
        logits=normal(3, 4, 5)._replace(differentiable=False),
        logit_paddings=_paddings(3, 4, 4, 0, 0),
        labels=_fixed([[1, 1, 1], [3, 3, 3], [4, 4, 1]]),
        label_paddings=_paddings(3, 3, 3, 0, 2),
    ),
    given(  # confident, so that the loss is small
        logits=_confident([1, 0, 1, 2, 0, 3, 3], 4),
        logit_paddings=_paddings(1, 7, 7),
        labels=_fixed([[1, 1, 2, 3]]),
        label_paddings=_paddings(1, 4, 4),
    ),
    given(
        logits=normal(2, 40, 6, scale=9.0),
        logit_paddings=_fixed(np.arange(80).reshape(2, 40) % 5 == 2),
        labels=integers(2, 12, high=5),
        label_paddings=_paddings(2, 12, 12, 7),
        blank_id=static(5),
    ),
    given(
        logits=_without(2, 6, 5, unused=3),
        logit_paddings=_paddings(2, 6, 6, 5),
        labels=_fixed([[1, 2], [4, 4]]),
        label_paddings=_paddings(2, 2, 2, 2),
    ),
    given(
        logits=normal(2, 3, 4),
        logit_paddings=_paddings(2, 3, 3, 2),
        labels=_fixed(np.zeros((2, 0), int)),
        label_paddings=_fixed(np.zeros((2, 0))),
    ),
]


def _cases(some):
    def with_cases(mirror):
        for add in reversed(some):
            mirror = add(mirror)
        return mirror

    return with_cases


@mark(source="NumPy in extended precision")
@_cases(_GIVEN)
def ctc_loss(logits, logit_paddings, labels, label_paddings, blank_id=0):
    rows = zip(logits, logit_paddings, labels, label_paddings, strict=True)
    return np.array([_one(*row, blank_id)[0] for row in rows], float)


@mark(source="NumPy in extended precision")
@_cases([_GIVEN[1], _GIVEN[2], _GIVEN[5]])  # whose loops are slow to compile
def ctc_loss_with_forward_probs(
    logits, logit_paddings, labels, label_paddings, blank_id=0
):
    time, n = logits.shape[1], labels.shape[1]
    loss, blanks = np.zeros(len(logits)), np.full((time, len(logits), n + 1), -1e5)
    emits = np.full((time, len(logits), n), -1e5)
    rows = zip(logits, logit_paddings, labels, label_paddings, strict=True)
    for b, row in enumerate(rows):
        loss[b], alphas = _one(*row, blank_id)
        blank, emit = alphas[:, ::2].copy(), alphas[:, 1::2]
        blank[-1, 1:] += emit[-1]
        count = emit.shape[1]
        blanks[:, b, : count + 1] = np.where(blank > 0, _log(blank), -1e5)
        emits[:, b, :count] = np.where(emit > 0, _log(emit), -1e5)
    return loss, blanks, emits


def _packed(rows, time, blank):
    """(labels, paddings) of rows of labels."""
    labels = np.full((len(rows), time), blank)
    paddings = np.ones((len(rows), time))
    for i, row in enumerate(rows):
        labels[i, : len(row)], paddings[i, : len(row)] = row, 0
    return labels, paddings


def _collapsed(path, blank):
    return tuple(int(c) for c, _ in itertools.groupby(path) if c != blank)


@mark(source="formula in NumPy")
@given(logits=normal(3, 5, 4), logit_paddings=_paddings(3, 5, 5, 3, 0))
@given(logits=normal(2, 9, 3), logit_paddings=_fixed(np.eye(2, 9)), blank_id=static(2))
def ctc_greedy_decode(logits, logit_paddings, blank_id=0):
    rows, total = [], []
    for x, padding in zip(logits, logit_paddings, strict=True):
        p = _shares(x[padding == 0]) if (padding == 0).any() else x[:0]
        rows.append(_collapsed(p.argmax(-1), blank_id))
        total.append(_log(p.max(-1)).sum())
    return *_packed(rows, logits.shape[1], blank_id), np.array(total, float)


def _labellings(x, padding, blank):
    """Every labelling and its probability, likeliest first."""
    p, total = _shares(x)[padding == 0], {}
    for path in itertools.product(range(x.shape[1]), repeat=len(p)):
        labels = _collapsed(path, blank)
        q = np.prod([frame[c] for frame, c in zip(p, path, strict=True)])
        total[labels] = total.get(labels, 0) + q
    return sorted(total.items(), key=lambda item: -item[1])


@mark(source="every path")
@given(
    logits=normal(2, 3, 3),
    logit_paddings=_paddings(2, 3, 3, 3),
    beam_width=static(5),
)
@given(
    # The last beams are impossible, and -∞ has no differences.
    logits=normal(3, 5, 3, scale=2.0)._replace(differentiable=False),
    logit_paddings=_paddings(3, 5, 5, 3, 0),
    beam_width=static(25),
    blank_id=static(1),
)
def ctc_beam_decode(logits, logit_paddings, beam_width=16, blank_id=0):
    found = []
    for x, padding in zip(logits, logit_paddings, strict=True):
        best = _labellings(x, padding, blank_id)[:beam_width]
        best += [((), 0.0)] * (beam_width - len(best))
        rows, p = zip(*best, strict=True)
        labels, empty = _packed(rows, logits.shape[1], blank_id)
        found.append((labels, empty, _log(np.array(p, float))))
    return tuple(np.stack(part) for part in zip(*found, strict=True))
