"""The methods of `histories.py`: each is trained on the train side of a fold and predicts its test.

- `lstm`: the network, through the project's own nodes.
- `catboost_row`: eight CatBoosts, see `methods.py`, on the row alone.
- `catboost`: the same on the row and what an expert makes of its history, `histories_expert.py`.
- `catboost_change`: of numbers whose earlier labels are known, the same of the label less the last
  one that is known; trees lead to no value that they have not seen.
- `linear`: logistic regression, or ridge regression, on what the expert makes.
- `gru`: a GRU as tutorials of Keras have it: one layer behind a mask, stopped early by a tenth of
  the train customers. It reads the same sequences as the network: numbers standardized and 0 where
  they are missing, a category as zeros and a one, shorter histories padded before their first row.
- `lifestream`: the supervised encoder of pytorch-lifestream, see `histories_lifestream.py`.
- `last`: the last known label, of classes how often it was each; a floor.

Eight CatBoosts have a customer's rows in one fold, as the network has.
"""

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import methods
import numpy as np
import pandas as pd
from histories_expert import LAST_LABEL, features_of
from histories_panel import CUSTOMER, LABEL, TIME, Panel
from methods import catboost_bagged

from tabular_lstm.parameters.hyperparameters import (
    NetworkOptions,
    ReshapingOptions,
    TrainingOptions,
)
from tabular_lstm.pipelines.reshaping import nodes
from tabular_lstm.rows.histories import PADDING
from tabular_lstm.rows.number_format import POINT
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES

HERE = Path(__file__).resolve().parent
LIFESTREAM = HERE.parent / ".venv-torch/bin/python"
# Of the GRU.
UNITS = 32
EPOCHS = 200
PATIENCE = 10
HELD = 0.1
MASK = -10.0


@dataclass(frozen=True)
class Predicted:
    """Predictions of the test rows.

    Attributes:
        values: (rows,) the probability of class 1 or the number; of more classes (rows, classes).
        loss: That of the out-of-fold predictions, NaN where there is none.
    """

    values: np.ndarray
    loss: float = np.nan


# --- Networks, which read sequences


def sets_of(panel: Panel, fold: int) -> tuple[Any, Any, Any]:
    """Give schema, train set and test set of a fold, as the nodes make them."""
    train, test = (panel.rows[panel.labelled(fold, side)] for side in (False, True))
    if panel.kind != NUMBER:
        train, test = (rows.astype({LABEL: int}) for rows in (train, test))
    is_history, is_test = ~panel.labelled(), panel.fold == fold
    history, train_history = panel.rows[is_history], panel.rows[is_history & ~is_test]
    summary: Any = SimpleNamespace(lineage=None, marks=POINT)
    schema = nodes.learn_schema(
        train, train_history, summary, panel.columns, ReshapingOptions(), TrainingOptions()
    )
    train_set, test_set = (
        nodes.reshape(nodes.split_features_from_label(rows, schema, panel.columns, history))
        for rows in (train, test)
    )
    return schema, train_set, test_set


def lstm(panel: Panel, fold: int) -> Predicted:
    """The network with its defaults."""
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import predict, train  # noqa: PLC0415

    schema, train_set, test_set = sets_of(panel, fold)
    training = TrainingOptions()
    candidate, _ = train(
        build(schema, NetworkOptions(), training.seed),
        train_set.sequences,
        train_set.labels.to_numpy(),
        training,
        groups=train_set.groups,
    )
    values = predict(candidate, test_set.sequences)
    # Of two classes the second is the positive one; of a number the first output is the mean.
    column = {TWO_CLASSES: 1, NUMBER: 0}
    return Predicted(values[:, column[panel.kind]] if panel.kind in column else values)


def gru_inputs(schema: Any, sequences: Any, steps: int) -> np.ndarray:
    """Lay sequences out for Keras: float32 (rows, steps, inputs)."""
    rows = sequences.dense()
    missing_steps = max(0, steps - rows.shape[1])
    rows = np.pad(rows, [(0, 0), (0, missing_steps), (0, 0)], constant_values=np.inf)
    is_step = rows[..., 0] != PADDING
    parts = []
    for place, name in enumerate(schema.features):
        values = rows[..., place]
        if name in schema.categories:
            codes = np.arange(len(schema.categories[name]) + 1)
            parts.append((values[..., None] == codes).astype(np.float32))
        else:
            with np.errstate(invalid="ignore"):
                scaled = (values - schema.mean[place]) / schema.variance[place] ** 0.5
            scaled = np.clip(np.nan_to_num(scaled, nan=0.0), -9, 9)
            parts += [scaled[..., None], np.isnan(values)[..., None]]
    inputs = np.where(is_step[..., None], np.concatenate(parts, -1), MASK).astype(np.float32)
    # The row itself at the end.
    shift = (np.arange(rows.shape[1]) + is_step.sum(1)[:, None]) % rows.shape[1]
    return np.take_along_axis(inputs, shift[..., None], 1)


def gru(panel: Panel, fold: int) -> Predicted:
    """Train it, and predict the test rows."""
    import keras  # noqa: PLC0415

    schema, train_set, test_set = sets_of(panel, fold)
    keras.utils.set_random_seed(0)
    steps = max(rows.sequences.lengths.max() for rows in (train_set, test_set))
    train, test = (gru_inputs(schema, rows.sequences, steps) for rows in (train_set, test_set))
    labels = train_set.labels.to_numpy()
    mean, deviation = (labels.mean(), labels.std()) if panel.kind == NUMBER else (0, 1)
    labels = (labels - mean) / deviation
    groups = np.arange(len(labels)) if train_set.groups is None else train_set.groups
    customers = np.random.default_rng(0).permutation(groups.max() + 1)
    held = np.isin(groups, customers[: max(1, round(HELD * len(customers)))])
    count = int(labels.max()) + 1 if panel.kind == CLASSES else 1
    activation, loss = {
        NUMBER: (None, "mse"),
        CLASSES: ("softmax", "sparse_categorical_crossentropy"),
    }.get(panel.kind, ("sigmoid", "binary_crossentropy"))
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input(train.shape[1:]),
            layers.Masking(MASK),
            layers.GRU(UNITS),
            layers.Dense(count, activation),
        ]
    )
    model.compile("adam", loss)
    model.fit(
        train[~held],
        labels[~held],
        validation_data=(train[held], labels[held]),
        epochs=EPOCHS,
        batch_size=32,
        verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)],
    )
    outputs = np.asarray(model.predict(test, batch_size=1024, verbose=0))
    return Predicted(outputs if panel.kind == CLASSES else outputs[:, 0] * deviation + mean)


def lifestream(panel: Panel, fold: int) -> Predicted | None:
    """See `histories_lifestream.py`; None where its environment is not made."""
    if not LIFESTREAM.exists():
        return None
    schema, train_set, test_set = sets_of(panel, fold)
    groups, labels = train_set.groups, train_set.labels.to_numpy()
    arrays = {
        "train": train_set.sequences.dense(),
        "test": test_set.sequences.dense(),
        "labels": labels,
        "groups": np.arange(len(labels)) if groups is None else groups,
        "categories": [len(schema.categories.get(name, [])) for name in schema.features],
        "mean": schema.mean,
        "deviation": np.sqrt(schema.variance),
        "classes": len(panel.columns.task.classes),
    }
    with tempfile.TemporaryDirectory() as scratch:
        inputs, outputs = Path(scratch) / "in.npz", Path(scratch) / "out.npy"
        np.savez(inputs, **arrays)
        command = [LIFESTREAM, HERE / "histories_lifestream.py", inputs, outputs]
        subprocess.run(command, check=True, capture_output=True)
        return Predicted(np.load(outputs))


# --- Models that read one row


@dataclass(frozen=True)
class Side:
    """The rows of a fold that a model of single rows is fitted on, and those it predicts."""

    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    @classmethod
    def from_panel(cls, panel: Panel, fold: int) -> "Side":
        """Take them."""
        train, test = panel.labelled(fold), panel.labelled(fold, test=True)
        labels = panel.rows[LABEL].to_numpy()[train]
        labels = labels if panel.kind == NUMBER else labels.astype(int)
        return cls(train, test, labels, pd.factorize(panel.rows[CUSTOMER][train])[0])


def predictions(
    model: Any, panel: Panel, rows: pd.DataFrame, side: Side, labels: np.ndarray
) -> np.ndarray:
    """Fit a model that takes groups, or one that does not, and predict."""
    groups = {"groups": side.groups} if isinstance(model, methods.Bagged) else {}
    model.fit(rows[side.train], labels, **groups)
    if panel.kind == NUMBER:
        return np.asarray(model.predict(rows[side.test]))
    probabilities = np.asarray(model.predict_proba(rows[side.test]))
    return probabilities if panel.kind == CLASSES else probabilities[:, 1]


def catboosts(panel: Panel, fold: int, rows: pd.DataFrame) -> Predicted:
    """Fit eight CatBoosts on some features."""
    side, categories = Side.from_panel(panel, fold), rows.select_dtypes("category").columns.tolist()
    model = catboost_bagged(categories, panel.kind == NUMBER)
    values = predictions(model, panel, rows, side, side.labels)
    return Predicted(values, model.loss)


def catboost_row(panel: Panel, fold: int) -> Predicted:
    """On the row alone, with the order where it is a number."""
    rows = panel.rows[panel.features]
    is_number = panel.rows[TIME].dtype.kind == "f"
    return catboosts(panel, fold, rows.assign(order=panel.rows[TIME]) if is_number else rows)


def catboost(panel: Panel, fold: int) -> Predicted:
    """On what an expert makes."""
    return catboosts(panel, fold, features_of(panel))


def catboost_change(panel: Panel, fold: int) -> Predicted | None:
    """On what an expert makes, of the change since the last label; the mean where none is."""
    rows = features_of(panel)
    if panel.kind != NUMBER or LAST_LABEL not in rows:
        return None
    side = Side.from_panel(panel, fold)
    base = rows[LAST_LABEL].fillna(side.labels.mean()).to_numpy()
    model = catboost_bagged(rows.select_dtypes("category").columns.tolist(), number=True)
    change = predictions(model, panel, rows, side, side.labels - base[side.train])
    return Predicted(base[side.test] + change, model.loss)


def linear(panel: Panel, fold: int) -> Predicted:
    """On what an expert makes."""
    rows, side = features_of(panel), Side.from_panel(panel, fold)
    model = methods.linear(rows.select_dtypes("category").columns.tolist(), panel.kind == NUMBER)
    return Predicted(predictions(model, panel, rows, side, side.labels))


def last(panel: Panel, fold: int) -> Predicted | None:
    """Of numbers the last known label; of two classes their share, drawn to that of all."""
    rows, side = features_of(panel), Side.from_panel(panel, fold)
    if LAST_LABEL not in rows or panel.kind == CLASSES:
        return None
    rows, mean = rows[side.test], side.labels.mean()
    if panel.kind == NUMBER:
        return Predicted(rows[LAST_LABEL].fillna(mean).to_numpy())
    count = rows["labels known"]
    positive = (rows["label: mean"] * count).fillna(0)
    return Predicted(((positive + mean) / (count + 1)).to_numpy())


METHODS: dict[str, Callable[[Panel, int], Predicted | None]] = {
    method.__name__: method
    for method in (lstm, catboost_row, catboost, catboost_change, linear, gru, lifestream, last)
}
