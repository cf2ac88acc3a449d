"""A GRU as tutorials of Keras have it: one layer behind a mask, stopped early.

It reads the same sequences as the network: numbers standardized and 0 where they are missing, a
category as zeros and a one, shorter histories padded before their first row. A tenth of the train
customers says when to stop.
"""

from typing import Any

import numpy as np
from histories_panel import Panel

from tabular_lstm.parameters.task import CLASSES, NUMBER
from tabular_lstm.rows.histories import are_rows

UNITS = 32
EPOCHS = 200
PATIENCE = 10
HELD = 0.1
MASK = -10.0


def inputs(schema: Any, sequences: Any, steps: int) -> np.ndarray:
    """Lay sequences out for Keras: float32 (rows, steps, inputs)."""
    rows = sequences.dense()
    rows = np.pad(
        rows, [(0, 0), (0, max(0, steps - rows.shape[1])), (0, 0)], constant_values=np.inf
    )
    there = are_rows(rows)
    parts = []
    for place, name in enumerate(schema.features):
        values = rows[..., place]
        if name in schema.categories:
            of = np.arange(len(schema.categories[name]) + 1)
            parts.append((values[..., None] == of).astype(np.float32))
        else:
            with np.errstate(invalid="ignore"):
                scaled = (values - schema.mean[place]) / schema.variance[place] ** 0.5
            scaled = np.clip(np.nan_to_num(scaled, nan=0.0), -9, 9)
            parts += [scaled[..., None], np.isnan(values)[..., None]]
    found = np.where(there[..., None], np.concatenate(parts, -1), MASK).astype(np.float32)
    # The row itself at the end.
    shift = (np.arange(rows.shape[1]) + there.sum(1)[:, None]) % rows.shape[1]
    return np.take_along_axis(found, shift[..., None], 1)


def predictions(panel: Panel, schema: Any, train_set: Any, test_set: Any) -> np.ndarray:
    """Train it, and predict the test rows."""
    import keras  # noqa: PLC0415

    keras.utils.set_random_seed(0)
    steps = max(of.sequences.lengths.max() for of in (train_set, test_set))
    train, test = (inputs(schema, of.sequences, steps) for of in (train_set, test_set))
    labels = train_set.labels.to_numpy()
    mean, deviation = labels.mean(), labels.std()
    if panel.kind == NUMBER:
        labels = (labels - mean) / deviation
    groups = np.arange(len(labels)) if train_set.groups is None else train_set.groups
    customers = np.random.default_rng(0).permutation(groups.max() + 1)
    held = np.isin(groups, customers[: max(1, round(HELD * len(customers)))])
    count = int(labels.max()) + 1 if panel.kind == CLASSES else 1
    model = keras.Sequential(
        [
            keras.layers.Input(train.shape[1:]),
            keras.layers.Masking(MASK),
            keras.layers.GRU(UNITS),
            keras.layers.Dense(
                count, {NUMBER: None, CLASSES: "softmax"}.get(panel.kind, "sigmoid")
            ),
        ]
    )
    losses = {NUMBER: "mse", CLASSES: "sparse_categorical_crossentropy"}
    model.compile("adam", losses.get(panel.kind, "binary_crossentropy"))
    model.fit(
        train[~held],
        labels[~held],
        validation_data=(train[held], labels[held]),
        epochs=EPOCHS,
        batch_size=32,
        verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)],
    )
    given = model.predict(test, batch_size=1024, verbose=0)
    if panel.kind == CLASSES:
        return np.asarray(given)
    return np.asarray(given[:, 0] * deviation + mean if panel.kind == NUMBER else given[:, 0])
