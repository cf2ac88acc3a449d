"""Kinds of members, smooth and sharp ones, weighed by the rows that they did not see."""

import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from tabular_lstm import LSTMClassifier
from tabular_lstm.network.calibration import log_losses
from tabular_lstm.network.fit import predict, train
from tabular_lstm.network.kinds import Kind, blend, tell, weigh
from tabular_lstm.network.plan import plan_training
from tabular_lstm.network.scorer import Scorer, read_scorer
from tabular_lstm.parameters import Ensemble
from tests.helpers.trainings import (
    SCHEMA,
    half_told,
    member_logits,
    network_of,
    same,
    training_of,
    weights_of,
)

BOTH = [0.1, 1.0]


def logits_and_labels(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, rows)
    return logits, (rng.random(rows) < expit(logits)).astype(np.float32)


def striped(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose class changes sixteen times along the first feature."""
    rng = np.random.default_rng(5)
    sequences = rng.uniform(-1.7, 1.7, (rows, 2, 2)).astype(np.float32)
    return sequences, (np.floor(sequences[:, 0, 0] * 5) % 2).astype(np.float32)


# Weighing


def test_who_knows_has_the_share_and_who_knows_nothing_is_left_out() -> None:
    logits, labels = logits_and_labels()
    noise = np.random.default_rng(1).normal(size=len(labels))
    for kinds, shares in (([logits, noise], [1.0, 0.0]), ([noise, logits], [0.0, 1.0])):
        assert [kind.share for kind in weigh(labels, kinds, BOTH)] == shares


def test_kinds_that_say_the_same_weigh_the_same() -> None:
    logits, labels = logits_and_labels()
    kinds = weigh(labels, [logits, 3 * logits], BOTH)  # calibrated, they are the same
    assert [kind.share for kind in kinds] == [0.5, 0.5]
    assert kinds[1].temperature == pytest.approx(3 * kinds[0].temperature, rel=1e-3)
    assert kinds[0].log_loss == pytest.approx(kinds[1].log_loss, rel=1e-6)


def test_the_share_is_the_best_of_all_but_for_the_pull_to_one_half() -> None:
    truth, labels = logits_and_labels()
    rng = np.random.default_rng(2)
    kinds = [truth + rng.normal(0, spread, len(truth)) for spread in (1.0, 2.0)]
    weighed = weigh(labels, kinds, BOTH)
    one, other = (z / kind.temperature for z, kind in zip(kinds, weighed, strict=True))
    shares = np.linspace(0, 1, 101)
    losses = [log_losses(labels, s * one + (1 - s) * other).mean() for s in shares]
    best = shares[np.argmin(losses)]
    assert 0.55 < best < 0.95
    assert best - 0.1 < weighed[0].share <= best
    assert sum(kind.share for kind in weighed) == 1


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    truth, labels = logits_and_labels()
    rng = np.random.default_rng(3)
    kinds = [truth + rng.normal(0, spread, len(truth)) for spread in (1.5, 2.0)]
    twice = np.where(truth > 0, 2, 1)
    repeated = [np.repeat(z, twice) for z in kinds]
    weighed = weigh(labels, kinds, BOTH, twice / twice.mean())
    again = weigh(np.repeat(labels, twice), repeated, BOTH)
    assert weighed[0].share == pytest.approx(again[0].share, abs=0.02)
    assert weighed[0].log_loss == pytest.approx(again[0].log_loss, rel=1e-3)


def test_the_plain_mean_of_blended_members_is_the_blend() -> None:
    rng = np.random.default_rng(4)
    read, labels = rng.normal(size=(600, 5)), logits_and_labels()[1]
    kernel, bias = rng.normal(size=(6, 5, 1)), rng.normal(size=(6, 1))
    members = (read @ kernel)[..., 0] + bias
    of_kinds = [members[:3].mean(0), members[3:].mean(0)]
    kinds = weigh(labels, of_kinds, BOTH)
    kept, blended, (_, kernel, bias) = blend(kinds, of_kinds, [np.zeros(6), kernel, bias])
    assert kept == [0, 1]
    expected = sum(
        kind.share * z / kind.temperature for kind, z in zip(kinds, of_kinds, strict=True)
    )
    np.testing.assert_allclose(blended, expected)
    np.testing.assert_allclose(((read @ kernel)[..., 0] + bias).mean(0), expected, rtol=1e-5)


# Training


def test_each_kind_has_all_folds_and_is_stopped_by_itself() -> None:
    """So a kind is trained as if the other were not there."""
    rows, training = half_told(200), training_of(epochs=8, patience=2)
    both, of_both = train(network_of(members=4, frequency_scale=BOTH), *rows, training)
    alone, history = train(network_of(members=4, frequency_scale=0.1), *rows, training)
    assert of_both["best_epochs"][:4] == history["best_epochs"]
    for member in range(4):
        *trained, _, _ = weights_of(both, member)
        for one, other in zip(trained, weights_of(alone, member), strict=False):
            np.testing.assert_allclose(one, other, atol=1e-4)
    smooth = of_both["kinds"][0]
    assert smooth["log_loss"] == pytest.approx(history["out_of_fold_log_loss"], rel=1e-4)


@pytest.mark.parametrize("folds", [2, 3, 8])
def test_members_of_a_kind_share_the_folds_of_the_other(folds: int) -> None:
    labels = half_told(120)[1]
    groups = np.arange(120) % folds
    plan = plan_training(10, labels, 4, training_of(), groups, kinds=2)
    assert plan.kind == [0] * 5 + [1] * 5
    assert plan.left_out[:5] == plan.left_out[5:] == [member % folds for member in range(5)]
    part = plan.of_members(range(3, 7))
    assert (part.kind, part.left_out) == (plan.kind[3:7], plan.left_out[3:7])


def test_the_candidate_gives_the_blend_and_says_what_the_rows_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    sequences, labels = half_told(300)
    candidate, history = train(
        network_of(members=3, frequency_scale=BOTH), sequences, labels, training_of(epochs=10)
    )
    shares = [kind["share"] for kind in history["kinds"]]
    assert min(shares) > 0
    assert candidate.options.frequency_scale == BOTH
    assert candidate.options.count == 6
    assert history["asked_for"].split(": ")[1] == " and ".join(
        f"members of frequency_scale {scale:g} weigh {100 * share:.0f} %"
        for scale, share in zip(BOTH, shares, strict=True)
    )
    assert history["asked_for"] in caplog.text
    mean = member_logits(candidate, sequences).mean(0)
    expected = expit(mean / history["temperature"])
    np.testing.assert_allclose(predict(candidate, sequences), expected, atol=1e-5)
    by_itself = min(kind["log_loss"] for kind in history["kinds"])
    assert history["out_of_fold_log_loss"] < by_itself + 1e-3


def test_a_kind_that_the_rows_do_not_ask_for_is_not_in_the_candidate(tmp_path: Path) -> None:
    rows, training = striped(800), training_of(epochs=60, batch_size=32, patience=6)
    options: dict[str, Any] = {"members": 2, "units": [8], "frequencies": 6, "dimensions": 6}
    network = network_of(**options, frequency_scale=[0.01, 1.0])
    candidate, history = train(network, *rows, training)
    smooth, sharp = history["kinds"]
    assert (smooth["share"], sharp["share"]) == (0.0, 1.0)
    assert sharp["log_loss"] < 0.5 < smooth["log_loss"]
    assert candidate.options.frequency_scale == [1.0]
    # What is said of members is said of those that the candidate has.
    assert candidate.get_weights()[0].shape[0] == len(history["best_epochs"]) == 2
    assert history["best_epoch"] == int(np.median(history["best_epochs"]))
    # The loss that a tuning gives trainings up by is not the mean with the worse kind's.
    assert history["kept_loss"][-1] < 1.5 * sharp["log_loss"] < smooth["log_loss"] / 2
    assert candidate.options.feature_dropout == [0.2]
    assert history["asked_for"].startswith("The rows ask for sharp relations more: ")
    candidate.save(tmp_path / "candidate.keras")
    scorer = read_scorer((tmp_path / "candidate.keras").read_bytes(), "candidate.keras")
    assert scorer.options == candidate.options
    assert same([*scorer.read_out], [*Scorer.of(candidate).read_out])


@pytest.mark.parametrize(
    ("shares", "numbers", "said"),
    [
        ((0.7, 0.3), True, "The rows ask for smooth relations more: "),
        ((0.3, 0.7), True, "The rows ask for sharp relations more: "),
        ((0.4, 0.6), True, "The rows ask for smooth and sharp relations alike: "),
        ((0.6, 0.4), True, "The rows ask for smooth and sharp relations alike: "),
        ((1.0, 0.0), False, "No feature is a number, so that no relation is smooth or sharp: "),
    ],
)
def test_what_the_rows_ask_for_is_said_in_whatever_order_the_kinds_are(
    shares: tuple[float, float], numbers: bool, said: str
) -> None:
    kinds = [Kind(scale, 0.5, 1.0, share) for scale, share in zip(BOTH, shares, strict=True)]
    low, high = (f"weigh {100 * share:.0f} %" for share in shares)
    weighed = f"members of frequency_scale 0.1 {low} and members of frequency_scale 1 {high}"
    assert tell(kinds, numbers) == said + weighed
    assert tell(kinds[::-1], numbers) == tell(kinds, numbers)
    assert tell(kinds[:1], numbers) == ""


def test_rows_without_a_number_are_told_so() -> None:
    schema = SCHEMA.model_copy(update={"categories": {name: ["0", "1"] for name in "abcd"}})
    rng = np.random.default_rng(0)
    sequences = rng.integers(0, 2, (80, 2, 2)).astype(np.float32)
    network = network_of(schema=schema, frequency_scale=BOTH)
    _, history = train(network, sequences, sequences[:, 0, 0], training_of())
    assert history["asked_for"].startswith("No feature is a number")


def test_a_champion_of_before_there_were_kinds_is_read_as_one_kind(tmp_path: Path) -> None:
    network = network_of(frequency_scale=0.3)
    network.save(tmp_path / "new.keras")
    with (
        zipfile.ZipFile(tmp_path / "new.keras") as new,
        zipfile.ZipFile(tmp_path / "old.keras", "w") as old,
    ):
        for name in new.namelist():
            content = new.read(name)
            if name == "config.json":
                config = json.loads(content)
                options = config["config"]["options"]
                assert options["frequency_scale"] == [0.3]
                options["frequency_scale"] = 0.3
                content = json.dumps(config).encode()
            old.writestr(name, content)
    scorer = read_scorer((tmp_path / "old.keras").read_bytes(), "old.keras")
    assert scorer.options == network.options


@pytest.mark.parametrize("scales", [[], [0.1, 0.1], [0.1, 0.5, 1.0], [0.1, -1.0], "0.1", True])
def test_kinds_are_one_or_two_that_differ(scales: Any) -> None:
    with pytest.raises(ValueError, match="frequency_scale"):
        Ensemble.model_validate({"frequency_scale": scales})


def test_the_estimator_takes_both_kinds_and_knows_them_again(tmp_path: Path) -> None:
    sequences, labels = half_told(200)
    rows = sequences.reshape(200, 4)
    model = LSTMClassifier(members=2, epochs=5, frequency_scale=BOTH, random_state=0)
    model.fit(rows, labels)
    model.save(tmp_path / "model.keras")
    loaded = LSTMClassifier.load(tmp_path / "model.keras")
    assert loaded.frequency_scale == tuple(model.network_.options.frequency_scale)
    np.testing.assert_array_equal(loaded.predict_proba(rows), model.predict_proba(rows))


def test_each_kind_has_its_feature_dropout() -> None:
    assert Ensemble(frequency_scale=[0.3]).kinds == [(0.3, 0.0)]
    assert Ensemble(frequency_scale=BOTH).kinds == [(0.1, 0.0), (1.0, 0.2)]
    some = Ensemble(frequency_scale=BOTH, feature_dropout=[0.3, 0.0], members=2)
    assert some.each == [(0.1, 0.3), (0.1, 0.3), (1.0, 0.0), (1.0, 0.0)]
    assert some.of_kinds([1]).kinds == [(1.0, 0.0)]
    assert Ensemble.model_validate({"feature_dropout": 0.1}).kinds == [(0.1, 0.1), (1.0, 0.1)]
