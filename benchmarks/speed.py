"""How long LSTMClassifier takes, beside what it is compared with in the same process.

    python benchmarks/speed.py [fit] [step] [scoring] [growth]

- fit: `LSTMClassifier().fit` beside eight CatBoosts and one on six sets, and on Pima beside the
  tutorial's 20 epochs of Keras' `fit`; see `fit_time.py`.
- step: what one member's step of the optimizer costs, against Keras' `fit` of one such network of
  stock layers at the same batch size.
- scoring: rows a second of `predict_proba` on 1,000,000 rows of 8 features, against LightGBM and
  CatBoost; and of the forward pass of three classes and of a number, beside that of two classes.
- growth: fit and score at 1,000 to 1,000,000 rows of 8 features, and at 1,000 rows of 5,000, and
  the peak memory beside the data's size.

Ratios are of medians over several rounds in one run; the numbers of another machine differ.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tabular_lstm  # noqa: F401  before Keras, so that TensorFlow computes as in a run

# isort: split

import keras
import numpy as np
import pandas as pd
from keras import layers
from sklearn.metrics import roc_auc_score

from tabular_lstm import LSTMClassifier
from tabular_lstm.network.build import build
from tabular_lstm.network.member_training import Task as MemberTask
from tabular_lstm.network.members import Members
from tabular_lstm.network.plan import batch_size, plan_training
from tabular_lstm.network.score import score
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.parameters import NUMBER, Network, Reshaping, Task, Training
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import to_sequences

DATA = Path(__file__).resolve().parents[1] / "data/01_raw/diabetes.csv"
ROUNDS = 5
TWO = Task.of_classes((0, 1))
TASKS = {"two classes": TWO, "three": Task.of_classes((0, 1, 2)), "a number": Task(kind=NUMBER)}
SCORED_ROWS = 1_000_000
GROWTH = ((1_000, 8), (10_000, 8), (100_000, 8), (1_000_000, 8), (1_000, 5_000))
TEST_VALUES = 1_000_000


def pima() -> tuple[pd.DataFrame, np.ndarray]:
    """Read Pima: features, labels."""
    rows = pd.read_csv(DATA)
    return rows.iloc[:, :8].astype(float), rows.iloc[:, 8].to_numpy()


def schema_of(rows: pd.DataFrame, task: Task = TWO) -> Schema:
    """Learn the default schema of numeric rows; a number is the first feature."""
    return learn_schema(
        rows,
        categorical=[],
        missing={},
        reshaping=Reshaping(),
        label="label",
        task=task,
        labels=rows.iloc[:, 0].to_numpy(),
    )


def seconds(work: Callable[[], Any]) -> float:
    """Time one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(work: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Time each in turn, several rounds, and give the medians."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, one in work.items():
            times[name].append(seconds(one))
    return {name: statistics.median(values) for name, values in times.items()}


def measure_fit() -> None:
    """Fit beside CatBoost and the tutorial."""
    from fit_time import measure_six  # noqa: PLC0415

    measure_six([])


def measure_step() -> None:
    """A member's step against a step of Keras' fit of one such network."""
    rows, labels = pima()
    schema = schema_of(rows)
    sequences, batch, steps = to_sequences(rows, schema), 32, 200
    network = build(schema, Network(), 0)
    members = network.options.count
    training, targets = Training(), labels.astype(np.float32)
    plan = plan_training(members, labels, sequences[0].size, training)
    of_network = network.get_config(), network.get_weights()
    task = MemberTask(*of_network, sequences, targets, training, None, plan)
    all_members = Members(task, range(members))
    rates = np.full((steps, members), 0.006, np.float32)
    batches = np.random.default_rng(0).integers(len(labels), size=(steps, members, batch))
    stock = stock_member(network)
    stock.compile(loss="binary_crossentropy", optimizer=keras.optimizers.AdamW(0.003))
    many = np.resize(sequences, (steps * batch, *sequences.shape[1:]))
    many_labels = np.resize(labels, steps * batch)
    work: dict[str, Callable[[], Any]] = {
        "a member's step": lambda: all_members.train_epoch(
            np.arange(members), batches, rates, [np.arange(1)] * members
        ),
        "a step of Keras' fit": lambda: stock.fit(many, many_labels, batch_size=batch, verbose=0),
    }
    for one in work.values():
        one()  # compile
    medians = compare(work)
    medians["a member's step"] /= members
    milliseconds = {name: 1e3 * value / steps for name, value in medians.items()}
    tell("step", milliseconds, "ms", "a step of Keras' fit", "a member's step")


def stock_member(network: Any) -> keras.Model:
    """One member's network of stock layers: the same embedding, LSTM and read-out."""
    schema, options = network.schema, network.options
    inputs = keras.Input((schema.steps, schema.features_per_step))
    vectors = []
    for place in range(schema.features_per_step):
        value = inputs[..., place : place + 1]
        angle = layers.Dense(options.frequencies, use_bias=False)(value)
        waves = [keras.ops.cos(angle), keras.ops.sin(angle), value]
        vectors.append(
            layers.Dense(options.dimensions, activation="relu")(layers.Concatenate()(waves))
        )
    states = layers.Bidirectional(layers.LSTM(options.units[0], return_sequences=True))(
        layers.Concatenate()(vectors)
    )
    read = layers.Concatenate()(
        [states[:, -1], states[:, 0], layers.GlobalAveragePooling1D()(states)]
    )
    outputs = layers.Dense(1, activation="sigmoid")(layers.Dropout(options.dropout)(read))
    return keras.Model(inputs, outputs)


def measure_scoring() -> None:
    """Rows a second against LightGBM and CatBoost."""
    from catboost import CatBoostClassifier  # noqa: PLC0415
    from lightgbm import LGBMClassifier  # noqa: PLC0415

    rows, labels = pima()
    models = {
        "LSTMClassifier": LSTMClassifier(random_state=0),
        "LightGBM": LGBMClassifier(verbose=-1, random_state=0),
        "CatBoost": CatBoostClassifier(verbose=False, random_seed=0, allow_writing_files=False),
    }
    many = pd.DataFrame(np.resize(rows.to_numpy(), (SCORED_ROWS, 8)), columns=rows.columns)
    for model in models.values():
        model.fit(rows, labels)
        model.predict_proba(many[:1000])
    medians = compare(
        {
            name: lambda model=model: model.predict_proba(many)  # type: ignore[misc]
            for name, model in models.items()
        },
        rounds=3,
    )
    rates = {name: SCORED_ROWS / value for name, value in medians.items()}
    tell("scoring", rates, "rows/s", "LSTMClassifier", "LightGBM")
    measure_tasks(many)


def measure_tasks(many: pd.DataFrame) -> None:
    """Rows a second of each task's forward pass, by networks of the same size."""
    networks = (build(schema_of(many[:1000], task), Network(), 0) for task in TASKS.values())
    scorers = dict(zip(TASKS, map(Scorer.of, networks), strict=True))
    sequences = to_sequences(many, scorers["two classes"].schema)
    for scorer in scorers.values():
        score(scorer, sequences[:1000], many=True)  # compile
    medians = compare(
        {
            name: lambda scorer=scorer: score(scorer, sequences)  # type: ignore[misc]
            for name, scorer in scorers.items()
        }
    )
    rates = {name: len(many) / value for name, value in medians.items()}
    for name in ("three", "a number"):
        tell("tasks", rates, "rows/s", name, "two classes")


def measure_growth() -> None:
    """Fit and score ever more rows, each table in a process of its own for its peak memory."""
    for rows, features in GROWTH:
        command = [sys.executable, __file__, "grow", str(rows), str(features)]
        finished = subprocess.run(command, check=True, capture_output=True, text=True)
        told = json.loads(finished.stdout.splitlines()[-1])
        print(
            f"growth: {rows:>9,} x {features:,}: fit {told['fit']:7.1f} s "
            f"({told['epochs']} epochs of {told['batch']} rows a step), "
            f"AUC {told['auc']:.3f} of {told['highest']:.3f}, score {told['score']:6.2f} s, "
            f"peak memory {told['peak']:.0f} MB, of them {told['before']:.0f} MB before fit; "
            f"data {told['data']:.1f} MB"
        )


def grow(count: int, features: int) -> None:
    """Fit and score such a table; print what it took as JSON."""
    test, test_labels, chances = synthetic(min(10_000, TEST_VALUES // features), features, seed=0)
    rows, labels, _ = synthetic(count, features, seed=1)
    LSTMClassifier(members=1, epochs=1).fit(rows[:100, :8], labels[:100])  # import TensorFlow
    before = peak_megabytes()
    model = LSTMClassifier(random_state=0)
    fitting = seconds(lambda: model.fit(rows, labels))
    scoring = seconds(lambda: model.predict_proba(rows))
    positive = model.predict_proba(test)[:, 1]
    told = {
        "fit": fitting,
        "score": scoring,
        "auc": float(roc_auc_score(test_labels, positive)),
        "highest": float(roc_auc_score(test_labels, chances)),
        "epochs": len(model.history_["loss"]),
        "batch": batch_size(count),
        "before": before,
        "peak": peak_megabytes(),
        "data": rows.nbytes / 1e6,
    }
    print(json.dumps(told))


def synthetic(count: int, features: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw rows of four features or more, labels and each row's true log-odds."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, features)).astype(np.float32)
    logits = 2 * rows[:, 0] * rows[:, 1] + np.sin(3 * rows[:, 2]) + rows[:, 3]
    return rows, (rng.random(count) < 1 / (1 + np.exp(-logits))).astype(int), logits


def peak_megabytes() -> float:
    """The most memory that this process has held, by Linux; `getrusage` counts its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def tell(title: str, values: dict[str, float], unit: str, one: str, other: str) -> None:
    """Print each number and the ratio of two."""
    listed = ", ".join(f"{name} {value:,.2f} {unit}" for name, value in values.items())
    print(f"{title}: {listed}; {one} / {other} = {values[one] / values[other]:.2f}", flush=True)


MEASURES = {
    "fit": measure_fit,
    "step": measure_step,
    "scoring": measure_scoring,
    "growth": measure_growth,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["grow"]:
        grow(*map(int, sys.argv[2:]))
    else:
        for name in sys.argv[1:] or MEASURES:
            MEASURES[name]()
