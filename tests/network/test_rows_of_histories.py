"""Of histories, one kind of members reads the rows and their past: the outputs of both add up."""

import dataclasses
import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.estimator import LSTMClassifier
from tabular_lstm.judging.importance import partial_dependence
from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.fit import predict, scorer_of, train
from tabular_lstm.network.keras_file import NoNetworkError, read_keras_file
from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.reasons import reason_names, reasons_of
from tabular_lstm.network.score import FEW, score, score_changed
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters.hyperparameters import TrainingOptions
from tabular_lstm.rows.histories import Histories
from tabular_lstm.rows.past_features import as_rows
from tabular_lstm.rows.schema import HistoryLayout
from tabular_lstm.rows.schema_fit import with_row
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.networks import assert_same_weights, ensemble_of, schema_of, sequences_of

CUSTOMERS, ROWS, STEPS = 150, 8, 5
BOTH = {"members": 2, "frequency_scale": [0.1, 1.0], "feature_dropout": [0.0, 0.2]}
every_task = pytest.mark.parametrize("task", [TWO_CLASSES, CLASSES, NUMBER])


def histories_of(task: str) -> tuple[LSTMEnsemble, Histories]:
    """Eight rows of each customer; the label of the row before last is known. A network of both."""
    labels = ("a known", "b known", "c known") if task == CLASSES else ("known",)
    layout = HistoryLayout(
        of="who", order="at", steps=STEPS, gap="gap", dates=False, labels=labels, known_after=1
    )
    features = 4 + len(labels)
    schema = schema_of(features, features, names=(1,), task=task, scores=False)
    names = ["size", "ward", "dose", "gap", *labels]
    schema = schema.model_copy(
        update={
            "features": names,
            "categories": {"ward": ["blue", "green", "red"]},
            "history": layout,
        }
    )
    table = sequences_of(schema, CUSTOMERS * ROWS, missing=0.1).reshape(CUSTOMERS * ROWS, -1)
    table[:, 4:] = np.arange(len(table))[:, None] % 3 == np.arange(len(labels))
    own = np.arange(len(table))
    start = own - own % ROWS
    known = np.maximum(own - 1, start)
    first = np.maximum(start, own - STEPS + 1)
    arrays = (table, first, own, own, known, own, own // ROWS, own % ROWS * 1.5)
    histories = Histories(*arrays, STEPS, len(labels))
    # The two rows before tell the answer, so that several past features are chosen.
    earlier = np.nan_to_num(table[:, 0]) + np.nan_to_num(table[:, 2])
    told = np.where(own - start > 1, np.roll(earlier, 1) + np.roll(earlier, 2), 0)
    answers = told if task == NUMBER else np.digitize(told, [0, 1][: max(1, len(labels) - 1)])
    network = ensemble_of(with_row(schema, histories, answers), **BOTH)
    network.set_weights([2 * weight for weight in network.get_weights()])
    return network, histories


@every_task
def test_numpy_scores_what_tensorflow_adds_up_and_a_file_keeps_it(
    task: str, tmp_path: Path
) -> None:
    network, histories = histories_of(task)
    assert len(histories) > FEW
    computed = network((histories.dense(), as_rows(histories, network.schema))).numpy()
    network.save(tmp_path / "both.keras")
    scorer = read_keras_file((tmp_path / "both.keras").read_bytes(), "both.keras")
    for count in (60, len(histories)):
        predicted, expected = score(scorer, histories[:count]), computed[:count]
        np.testing.assert_array_equal(predicted, score(Scorer.of(network), histories[:count]))
        if task == NUMBER:
            given = expected.astype(float), network.schema, network.calibration, 0.9
            expected = outputs_of(network.schema.task).predictions(*given)
        found = network.schema.task.to_file(predicted)
        np.testing.assert_allclose(found, expected, atol=5e-5)
    built = Artifact.read(tmp_path / "both.keras").network
    assert_same_weights(built, network)
    with pytest.raises(DataError, match="takes single rows, but this network reads histories"):
        LSTMClassifier.load(tmp_path / "both.keras")
    alone = dataclasses.replace(scorer, row=None)
    assert np.abs(score(alone, histories) - predicted).max() > 0.1


def test_a_file_with_one_part_of_both_is_refused(tmp_path: Path) -> None:
    network, _ = histories_of(TWO_CLASSES)
    network.save(tmp_path / "both.keras")

    def refused(change: Any, message: str) -> None:
        with zipfile.ZipFile(tmp_path / "both.keras") as whole:
            members = {name: whole.read(name) for name in whole.namelist()}
        config = json.loads(members["config.json"])
        change(config["config"])
        members["config.json"] = json.dumps(config).encode()
        with zipfile.ZipFile(tmp_path / "other.keras", "w") as other:
            for name, content in members.items():
                other.writestr(name, content)
        with pytest.raises(NoNetworkError, match=message):
            read_keras_file((tmp_path / "other.keras").read_bytes(), "other.keras")

    refused(lambda config: config.pop("row_options"), "a schema of rows and row_options, or neit")
    refused(lambda config: config["schema"].pop("row"), "a schema of rows and row_options, or neit")
    refused(lambda config: config["schema"].pop("history"), "as config.json declares")
    refused(lambda config: config["row_options"].update(members=3), "as config.json declares")
    refused(lambda config: config["schema"]["row"]["mean"].pop(), "cannot be loaded")


@pytest.mark.long
@every_task
def test_training_weighs_both_and_one_kind_of_members_reads_histories_alone(task: str) -> None:
    network, histories = histories_of(task)
    labels = np.arange(len(histories)) % (3 if task == CLASSES else 2) * 1.0
    options = labels, TrainingOptions(epochs=2)
    candidate, history = train(network, histories, *options, groups=histories.customer)
    shares = [kind["share"] for kind in history["kinds"]]
    assert min(shares) >= 0.05
    assert sum(shares) == 1
    assert [kind["frequency_scale"] for kind in history["kinds"]] == BOTH["frequency_scale"]
    assert history["asked_for"] == ""
    predicted = predict(candidate, histories)
    # Without what its rows say, it predicts something else.
    row = candidate.row
    row.set_weights([*row.get_weights()[:-2], *(0 * weight for weight in row.get_weights()[-2:])])
    assert not np.allclose(predict(candidate, histories), predicted)
    one_kind = ensemble_of(network.schema, members=2)
    assert one_kind.row is None
    assert one_kind.schema.row is None
    assert (one_kind.format, network.format) == (1, 2)  # as version 0.1.0 reads it


def predicted_by(network: LSTMEnsemble, dense: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """What TensorFlow predicts from histories and from rows with their past: (rows, columns)."""
    computed = network((dense, rows)).numpy()
    if network.schema.target is not None:
        given = computed.astype(float), network.schema, network.calibration, 0.9
        computed = outputs_of(network.schema.task).predictions(*given)
    return np.asarray(computed).reshape(len(dense), -1)


@pytest.mark.long
@every_task
def test_a_reason_is_what_the_prediction_loses_without_a_cell_or_a_past_feature(task: str) -> None:
    network, histories = histories_of(task)
    schema, row_features = network.schema, network.schema.row.features
    scorer, names, some = Scorer.of(network), reason_names(schema), histories[np.arange(20)]
    found = reasons_of(scorer, some, score(scorer, some), len(names))
    dense, rows = some.dense(), as_rows(some, schema)
    predicted = predicted_by(network, dense, rows)
    column = np.argmax(predicted, 1) if task == CLASSES else np.zeros(20, int)
    moved_counts = [0, 0]

    def check(name: str, dense: np.ndarray, rows: np.ndarray, has_it: np.ndarray) -> None:
        effects = np.where(found.features == names.index(name), found.effects, 0).sum(1)
        moved = (predicted - predicted_by(network, dense, rows))[np.arange(20), column]
        np.testing.assert_allclose(effects, np.where(has_it, moved, 0), atol=5e-5)
        moved_counts[name in row_features[4:]] += int((np.abs(moved) > 1e-3).sum())

    labels = list(range(4, histories.table.shape[1]))
    for before in range(STEPS):
        for name, slots in {"size": [0], "dose": [2], "sick, earlier": labels}.items():
            suffix = f", {before} row{'s' * (before > 1)} before" if before else ""
            step = some.lengths - 1 - before
            changed, own = dense.copy(), rows.reshape(20, -1).copy()
            changed[np.arange(20)[:, None], step[:, None], slots] = np.nan
            if before == 0:
                own[:, [row_features.index(name)] if name in row_features else []] = np.nan
            has_it = (step >= 0) & ~np.isnan(dense[np.arange(20), step, slots[0]])
            check(name + suffix, changed, own.reshape(rows.shape), has_it)
    for slot, name in enumerate(row_features[4:], start=4):
        own = rows.reshape(20, -1).copy()
        has_it = ~np.isnan(own[:, slot])
        own[:, slot] = np.nan
        check(name, dense, own.reshape(rows.shape), has_it)
    assert min(moved_counts) > 50


@pytest.mark.long
@every_task
def test_a_curve_has_what_each_row_alone_gives_although_rows_are_the_past_of_others(
    task: str,
) -> None:
    """A value is put into a row, and into no other row's past; no row has its own label."""
    network, histories = histories_of(task)
    some, schema = histories[np.arange(2 * ROWS)[::-1]], network.schema
    labels = schema.features[-histories.labels :]
    for slot, name in enumerate(schema.features):
        curve = partial_dependence(partial(score_changed, scorer_of(network)), some, schema, name)
        assert curve is not None
        values: list[Any] = [*curve.values]
        if name in schema.categories:
            values = [schema.categories[name].index(value) for value in values]
        outputs = [*schema.task.main_columns.values()]
        output = outputs[schema.task.classes.index(curve.class_name) if task == CLASSES else 0]
        alone = np.empty((len(values), len(some)))
        for place, row in np.ndindex(alone.shape):
            table = histories.table.copy()
            table[some.own[row], slot] = values[place]
            one = dataclasses.replace(some[[row]], table=table)
            alone[place, row] = predict(network, one)[0, output]
        np.testing.assert_allclose(curve.mean, alone.mean(1), atol=5e-5)
        ends = np.quantile(alone, [0.1, 0.9], axis=1)
        np.testing.assert_allclose([curve.low, curve.high], ends, atol=5e-5)
        assert (np.ptp(alone.mean(1)) > 1e-3) == (name not in labels)
