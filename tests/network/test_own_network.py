"""A network of one's own: what it gets, what is refused, how it is trained, saved and read."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.metrics import roc_auc_score

from tabular_lstm.errors import DataError
from tabular_lstm.estimator import LSTMClassifier
from tabular_lstm.network import own_training
from tabular_lstm.network.fit import fingerprint_network, predict, train
from tabular_lstm.network.keras_file import WEIGHTS, NoNetworkError
from tabular_lstm.network.member_training import DivergedError
from tabular_lstm.network.own_network import SETTINGS, OwnNetwork
from tabular_lstm.network.reasons import reasons_of
from tabular_lstm.network.score import score, score_changed
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.networks import LABELS, assert_same_weights, schema_of, sequences_of
from tests.helpers.own_networks import own
from tests.helpers.trainings import SCHEMA, rows_of, same, training_of

QUICK = {"epochs": 12, "learning_rate": 0.02, "weight_decay": 0.0}


def of_task(task: str) -> Any:
    """The schema of `rows_of` with a label of that task."""
    pair = {"positive_class": None, "negative_class": None}
    return SCHEMA.model_copy(update=pair | LABELS[task])


# What is refused before a training


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize(
    ("function", "facts"),
    [
        ("with_lambda", ("layer 'mine' has Lambda",)),
        ("with_registered_class", ("layer 'mine' has somebody>Registered",)),
        ("with_own_class", ("layer 'mine' has", "Foreign")),
        ("with_registered_function", ("layer 'mine' has somebody>registered_function",)),
        ("with_two_outputs", ("to (None, 2), expected", "to (None, 1)")),
        ("with_listed_output", ("to [(None, 1)], expected", "to (None, 1)")),
        ("leaving", ("SystemExit: 0",)),
        ("with_other_input", ("from (None, 2, 2, 1)", "expected from (None, 2, 2)")),
        ("sequential", ("keras.Model(inputs, outputs)", "Sequential")),
        ("number", ("TypeError: it returned 7",)),
        ("failing", ("ArithmeticError: no such layer",)),
        ("absent", ("AttributeError", "'absent'")),
        ("no.such.module", ("ModuleNotFoundError", "'no'")),
    ],
)
def test_what_is_no_functional_model_of_keras_own_layers_is_refused_by_name(
    function: str, facts: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as refused:
        own(function, SCHEMA)
    message = str(refused.value)
    assert message.startswith("network.build = ")
    assert function in message
    assert all(fact in message for fact in facts), message


# What it gets


def test_it_gets_sequences_as_they_are_or_standardized() -> None:
    schema = schema_of(5, 3, names=(1,))
    sequences = sequences_of(schema, 6)
    sequences[0], sequences[1, 0, 0], sequences[:, 1, 2] = np.nan, 1e9, 0
    sequences[2:6, 0, 1] = [0, 1, 2, 3]  # three categories, and the place of an unknown one
    np.testing.assert_array_equal(own("dense", schema).inputs(sequences), sequences)

    got = own("dense", schema, standardized=True).inputs(sequences)
    assert got.shape == sequences.shape
    assert got.dtype == np.float32
    assert not got[0].any()  # what is missing
    assert got[1, 0, 0] == 5
    np.testing.assert_allclose(got[2:6, 0, 1], [-1, -1 / 3, 1 / 3, 1], rtol=1e-6)
    assert not got[:, 1, 2].any()  # padding
    np.testing.assert_allclose(got[2, 0, 0], (sequences[2, 0, 0] - 1) / 2, rtol=1e-5)


# Training


@pytest.mark.long
@pytest.mark.parametrize("task", [TWO_CLASSES, CLASSES, NUMBER])
def test_each_task_is_learned_and_calibrated_out_of_fold(task: str, tmp_path: Path) -> None:
    schema, (sequences, told) = of_task(task), rows_of(200)
    # Of two classes one that replaces missing values itself.
    standardized = task != TWO_CLASSES
    labels = {TWO_CLASSES: told, CLASSES: 2 * told, NUMBER: 20 + 8 * told}[task]
    function = "dense" if standardized else "recurrent"
    network = own(function, schema, folds=3, standardized=standardized)
    before = network.get_weights()
    sequences[::7, 1, 1] = np.nan
    candidate, history = train(network, sequences, labels, training_of(**QUICK))

    predicted = predict(candidate, sequences)
    assert roc_auc_score(told, predicted[:, 0] * (1 if task == NUMBER else -1)) > 0.98
    assert len(predicted[0]) == {TWO_CLASSES: 2}.get(task, 3)
    assert {"loss", "validation_loss", "best_epoch", "best_epochs", "objective"} < history.keys()
    assert len(history["best_epochs"]) == 3
    learned = {TWO_CLASSES: "decision_threshold", CLASSES: "temperature", NUMBER: "coverage"}[task]
    assert learned in history
    assert history[f"out_of_fold_{schema.task.traits.loss}"] > 0
    assert json.loads(json.dumps(history, allow_nan=False)) == history
    assert same(network.get_weights(), before)

    # Read back it predicts alike, whole or in parts, and with one slot changed.
    candidate.save(tmp_path / "candidate.keras")
    artifact = Artifact.read(tmp_path / "candidate.keras")
    np.testing.assert_allclose(artifact.score(sequences), predicted, atol=1e-5)
    np.testing.assert_allclose(artifact.score(sequences[:3]), predicted[:3], atol=1e-5)
    assert artifact.score(sequences[:0]).shape == (0, predicted.shape[1])
    values = np.stack([sequences[:, 0, 0], -sequences[:, 0, 0]])
    kept, turned = next(score_changed(artifact.scorer, sequences, [(0, values)]))
    np.testing.assert_allclose(kept, predicted, atol=1e-5)
    assert np.abs(turned - predicted).max() > 0.3
    with pytest.raises(DataError, match=r"candidate\.keras: .* no exact reasons"):
        reasons_of(artifact.scorer, sequences, predicted, 2)


def test_the_candidate_is_the_mean_of_models_that_each_left_out_a_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sequences, labels = rows_of(60)
    groups, seen, models = np.repeat(np.arange(15), 4), [], []

    def noting(network: OwnNetwork, data: Any, is_learned: np.ndarray, training: Any) -> Any:
        model, losses = fitted(network, data, is_learned, training)
        seen.append(is_learned)
        models.append(model)
        return model, losses

    fitted = own_training._fitted
    monkeypatch.setattr(own_training, "_fitted", noting)
    network = own("dense", SCHEMA, folds=3)
    candidate, history = train(network, sequences, labels, training_of(), None, groups)

    assert len(seen) == 3
    np.testing.assert_array_equal(np.sum(seen, axis=0), 2)
    for is_learned in seen:
        for group in range(15):
            assert len({*is_learned[groups == group]}) == 1
    outputs = [np.asarray(model(sequences)) for model in models]
    np.testing.assert_allclose(candidate.computed(sequences), np.mean(outputs, 0), atol=1e-6)
    assert not np.allclose(outputs[0], outputs[1])
    logits = candidate.computed(sequences)[:, 0] / candidate.calibration.temperature
    expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(predict(candidate, sequences)[:, 1], expected, atol=1e-6)
    assert history["decision_threshold"] == candidate.calibration.threshold


@pytest.mark.long
def test_a_training_repeats_to_the_same_bits_and_depends_on_its_seed_and_weights() -> None:
    rows = rows_of(60)

    def trained(seed: int = 0, weights: np.ndarray | None = None) -> Any:
        keras.utils.set_random_seed(99)
        network = own("with_dropout", SCHEMA, seed, folds=2)
        return train(network, *rows, training_of(seed=seed), weights)

    (one, history), (again, same_history) = trained(), trained()
    assert history == same_history
    assert_same_weights(one, again)
    assert fingerprint_network(one) == fingerprint_network(again)
    assert fingerprint_network(one) != fingerprint_network(trained(1)[0])
    assert trained(weights=np.arange(60) / 29.5)[1]["loss"] != history["loss"]


def test_without_folds_it_trains_all_its_epochs_on_all_rows_uncalibrated() -> None:
    rows = rows_of(40)
    network = own("tabular_lstm.tutorial.two_lstms", SCHEMA, folds=0)
    candidate, history = train(network, *rows, training_of(epochs=4, patience=1))
    assert history == {
        "loss": history["loss"],
        "best_epoch": 4,
        "decision_threshold": 0.5,
        "objective": "accuracy",
    }
    assert len(set(history["loss"])) == 4
    assert candidate.calibration.temperature == 1
    assert not same(network.get_weights(), candidate.get_weights())


def test_a_network_that_answers_missing_values_with_none_is_told_what_to_do() -> None:
    sequences, labels = rows_of(40)
    sequences[3, 0, 0] = np.nan
    with pytest.raises(DivergedError, match=r"finite loss.*set network\.standardized"):
        train(own("dense", SCHEMA), sequences, labels, training_of(epochs=1))
    standardized = own("dense", SCHEMA, standardized=True, folds=2)
    candidate, _ = train(standardized, sequences, labels, training_of(epochs=1))
    assert np.isfinite(predict(candidate, sequences)).all()


def test_the_tutorials_function_is_the_tutorials_network_but_for_the_logit() -> None:
    lstm, normalization, dense = layers.LSTM, layers.BatchNormalization, layers.Dense
    expected = [
        lstm(1, activation="relu", dropout=0.4, return_sequences=True),
        normalization(),
        lstm(1),
        normalization(),
        dense(1),
    ]
    model = own("tabular_lstm.tutorial.two_lstms", schema_of(8), folds=0).model
    assert model.input_shape == (None, 4, 2)
    assert model.count_params() == 38
    for layer, literal in zip(model.layers[1:], expected, strict=True):
        assert type(layer) is type(literal)
        assert layer.get_config() | {"name": ""} == literal.get_config() | {"name": ""}


# The file


@pytest.fixture(scope="module")
def whole() -> bytes:
    """The file of a network of one's own."""
    return own("dense", SCHEMA).content


def changed(content: bytes, change: Callable[[dict[str, Any]], None], name: str) -> bytes:
    """Change what a member of the file says, as JSON."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.namelist():
            part = old.read(member)
            if member == name:
                document = json.loads(part)
                change(document)
                part = json.dumps(document).encode()
            new.writestr(member, part)
    return file.getvalue()


def test_the_file_is_kerass_own_with_one_member_more(whole: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", WEIGHTS, SETTINGS]
        settings = json.loads(archive.read(SETTINGS))
    assert settings["format"] == 1
    assert settings["options"]["build"].endswith("own_networks.dense")
    assert settings["schema"]["features"] == [*"abcd"]
    (tmp_path / "network.keras").write_bytes(whole)
    by_keras = keras.saving.load_model(tmp_path / "network.keras")
    sequences, _ = rows_of(10)
    read = Artifact.read(tmp_path / "network.keras")
    np.testing.assert_allclose(
        read.scorer.computed(sequences), np.asarray(by_keras(sequences)), atol=1e-6
    )


MARK = {"class_name": "__lambda__", "config": {"value": ["code", None, None]}}


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "config.json",
            lambda c: c["config"]["layers"][1].update(class_name="Lambda"),
            "has Lambda, which",
        ),
        (
            "config.json",
            lambda c: c["config"]["layers"][1].update(class_name="TFSMLayer"),
            "has TFSMLayer",
        ),
        (
            "config.json",
            lambda c: c["config"]["layers"][1].update(module="os", class_name="system"),
            "has system",
        ),
        (
            "config.json",
            lambda c: c["config"]["layers"][1].update(registered_name="somebody>Registered"),
            "has somebody>Registered",
        ),
        ("config.json", lambda c: c["config"]["layers"][1]["config"].update(activation=MARK), "__"),
        ("config.json", lambda c: c.update(compile_config={"loss": MARK}), "has __lambda__"),
        ("config.json", lambda c: c.update(class_name="Sequential"), "of class Sequential"),
        (SETTINGS, lambda s: s.update(format=2), "newer version"),
        (SETTINGS, lambda s: s.update(further=1), "newer version"),
        (SETTINGS, lambda s: s.pop("schema"), "schema"),
    ],
)
def test_another_file_is_refused_before_keras_reads_it(
    whole: bytes, name: str, change: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.saving, "load_model", None)
    artifact = Artifact(changed(whole, change, name), "other.keras")
    with pytest.raises(NoNetworkError, match=r"^other\.keras: ") as refused:
        _ = artifact.scorer
    assert said in str(refused.value)


def test_a_file_that_keras_cannot_load_is_refused_by_name(whole: bytes) -> None:
    damaged = changed(
        whole, lambda c: c["config"]["layers"][1]["config"].update(units=3), "config.json"
    )
    network = Artifact(damaged, "other.keras").scorer
    with pytest.raises(DataError, match=r"^other\.keras: Keras .* cannot load the network"):
        score(network, rows_of(4)[0])


def test_a_member_more_or_a_bomb_is_refused(whole: bytes) -> None:
    file = io.BytesIO(whole)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("assets/more", "x")
    with pytest.raises(NoNetworkError, match="assets/more"):
        _ = Artifact(file.getvalue(), "more.keras").scorer


def test_it_is_no_estimator(tmp_path: Path) -> None:
    own("dense", SCHEMA).save(tmp_path / "own.keras")
    with pytest.raises(DataError, match=r"but this network is of kind keras\. Score with"):
        LSTMClassifier.load(tmp_path / "own.keras")
