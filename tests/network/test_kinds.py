"""The two kinds of members: what each is worth, and their blend."""

import numpy as np
from scipy.special import expit

from tabular_lstm.network.fit import blend, weigh
from tabular_lstm.network.outputs import outputs_of
from tests.helpers.trainings import SCHEMA

TWO = outputs_of(SCHEMA.task)
BOTH = [0.1, 1.0]


def logits_and_labels(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (rows, 1))
    return logits, (rng.random(rows) < expit(logits[:, 0])).astype(np.float32)


def test_who_knows_has_the_share_and_who_knows_nothing_is_left_out() -> None:
    logits, labels = logits_and_labels()
    noise = np.random.default_rng(1).normal(size=(len(labels), 1))
    for kinds, shares in (([logits, noise], [1.0, 0.0]), ([noise, logits], [0.0, 1.0])):
        assert [kind.share for kind in weigh(TWO, labels, kinds, BOTH)] == shares


def test_the_share_is_the_best_of_all_but_for_the_pull_to_one_half() -> None:
    truth, labels = logits_and_labels()
    rng = np.random.default_rng(2)
    kinds = [truth + rng.normal(0, spread, truth.shape) for spread in (1.0, 2.0)]
    weighed = weigh(TWO, labels, kinds, BOTH)
    one, other = (z / kind.temperature for z, kind in zip(kinds, weighed, strict=True))
    shares = np.linspace(0, 1, 101)
    losses = [TWO.losses(labels, s * one + (1 - s) * other).mean() for s in shares]
    best = shares[np.argmin(losses)]
    assert 0.55 < best < 0.95
    assert best - 0.1 < weighed[0].share <= best
    assert sum(kind.share for kind in weighed) == 1


def test_the_plain_mean_of_blended_members_is_the_blend() -> None:
    rng = np.random.default_rng(4)
    read, labels = rng.normal(size=(600, 5)), logits_and_labels()[1]
    kernel, bias = rng.normal(size=(6, 5, 1)), rng.normal(size=(6, 1))
    members = read @ kernel + bias[:, None]
    of_kinds = [members[:3].mean(0), members[3:].mean(0)]
    kinds = weigh(TWO, labels, of_kinds, BOTH)
    kept, blended, (_, kernel, bias) = blend(kinds, of_kinds, [np.zeros(6), kernel, bias])
    assert kept == [0, 1]
    expected = sum(
        kind.share * z / kind.temperature for kind, z in zip(kinds, of_kinds, strict=True)
    )
    np.testing.assert_allclose(blended, expected)
    np.testing.assert_allclose((read @ kernel + bias[:, None]).mean(0), expected, rtol=1e-5)
