"""How often the loss on later scored rows lies within the interval that a champion was promised.

    python benchmarks/promises_of_histories.py [repetitions]

Synthetic events of customers, in 20 kinds: a label is who leaves, a state that lasts, or a number;
few or many events between two scorings; records begin with the customers, or after them. A
boosted model is fitted on the rows of four fifths of 700 customers, with the labels that are known
by then. Its promise comes from the rows of the other customers that judge, and, beside it, from all
their rows. Then the last rows of 3,500 other customers are scored one delay later, of those who
were seen within the delay. Default: 20 repetitions of each kind, half an hour on two cores.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from tables import markdown

from tabular_lstm.judging.baseline_fits import plain_rows
from tabular_lstm.judging.comparison import Evaluation, Predictions
from tabular_lstm.metrics import row_losses
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    ReshapingOptions,
    TrainingOptions,
)
from tabular_lstm.pipelines.reshaping.nodes import learn_schema, reshape, split_features_from_label
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.number_format import POINT
from tabular_lstm.rows.schema import Schema

CUSTOMERS, MORE, HORIZON = 700, 5, 400
LABELS = ("leaves", "state", "number")
# Label, days until it is known, days between two events, whether the records begin later.
KINDS = [*product(LABELS, (20, 60), ((5, 20), (20, 80)), (True, False))][:20]
Kind = tuple[str, int, tuple[int, int], bool]


def events(rng: np.random.Generator, kind: Kind, customers: int) -> pd.DataFrame:
    """Draw the events of customers until one delay after the horizon."""
    label, delay, (fewest, most), later = kind
    end, rows = HORIZON + delay, []
    for customer in range(customers):
        day = rng.uniform(-HORIZON if later else 0, end)
        pace, level, state = rng.uniform(fewest, most), rng.normal(), False
        leaving = pace / 1500  # a customer stays for some 750 days
        while day < end:
            sign = rng.normal() + state
            state = rng.random() < (0.8 if state else 0.15)
            leaves = label == "leaves" and rng.random() < leaving * (4 if sign > 1 else 0.5)
            number = level + state + 0.5 * sign + rng.normal()
            outcome = {"leaves": float(leaves), "state": float(state), "number": number}[label]
            rows.append((f"C{customer}", day, round(sign, 3), round(level, 1), outcome))
            if leaves:
                break
            day += rng.exponential(pace)
    table = pd.DataFrame(rows, columns=["customer", "day", "sign", "level", "label"])
    return table[table["day"] >= 0].reset_index(drop=True)


def columns_of(kind: Kind) -> ColumnsOptions:
    """Declare the columns."""
    task = {"task": "number"} if kind[0] == "number" else {"positive_class": 1, "negative_class": 0}
    history = {"of": "customer", "order": "day", "known_after": float(kind[1])}
    return ColumnsOptions.model_validate({"label": "label", **task, "history": history})


def losses(model: object, rows: Examples, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Give predictions as in `measures`, and the loss of each row."""
    features, labels = plain_rows(rows.sequences, SCHEMAS[kind])[0], rows.labels.to_numpy()
    if kind[0] == "number":
        predicted = model.predict(features)  # type: ignore[attr-defined]
        return np.stack([predicted] * 3, 1), (predicted - labels) ** 2
    predicted = model.predict_proba(features)  # type: ignore[attr-defined]
    return predicted, row_losses(labels, predicted)


SCHEMAS: dict[Kind, Schema] = {}


def promises(kind: Kind, repetition: int) -> tuple[Kind, bool, bool, int]:
    """Tell whether the real loss lies within the promise by the rows that judge, and by all."""
    rng, columns = np.random.default_rng([repetition, KINDS.index(kind)]), columns_of(kind)
    table = events(rng, kind, CUSTOMERS)
    past = table[table["day"] < HORIZON]
    is_labelled = past["day"] < HORIZON - kind[1]
    dtype = float if kind[0] == "number" else int
    labelled, history = past[is_labelled].astype({"label": dtype}), past[~is_labelled].copy()
    history["label"] = np.nan
    is_test = labelled["customer"].str[1:].astype(int) % 5 == 0
    train, test = labelled[~is_test], labelled[is_test]
    summary = SimpleNamespace(marks=POINT)
    schema = learn_schema(train, history, summary, columns, ReshapingOptions(), TrainingOptions())  # type: ignore[arg-type]
    SCHEMAS[kind] = schema
    train_set = reshape(split_features_from_label(train, schema, columns, history))
    test_set = reshape(split_features_from_label(test, schema, columns, history, train))
    boosted = HistGradientBoostingRegressor if dtype is float else HistGradientBoostingClassifier
    model = boosted(max_iter=60, max_leaf_nodes=8)
    model.fit(plain_rows(train_set.sequences, schema)[0], train_set.labels)
    predicted, _ = losses(model, test_set, kind)
    name = "rmse" if dtype is float else "log_loss"
    intervals, is_judged = [], test_set.judged
    assert is_judged is not None
    for judged in (is_judged, np.ones(len(test), bool)):
        rows = Evaluation(test_set.labels.to_numpy(), None, test_set.groups, task=columns.task)
        part = Evaluation(**vars(rows.part(judged)), task=columns.task)
        measured = part.with_models(
            {"model": Predictions(predicted[judged], 0.5)}, EvaluationOptions()
        )
        intervals.append(measured.metrics["model"].interval[name])

    later = events(rng, kind, MORE * CUSTOMERS).assign(
        label=lambda rows: rows["label"].astype(dtype)
    )
    scored = later.sort_values("day").drop_duplicates("customer", keep="last")
    scored = scored[scored["day"] >= HORIZON]
    earlier = later.drop(scored.index)
    earlier = earlier[earlier["customer"].isin(scored["customer"])].astype({"label": float})
    earlier.loc[earlier["day"] >= HORIZON, "label"] = np.nan  # not known yet
    new_set = reshape(split_features_from_label(scored, schema, columns, earlier))
    real = losses(model, new_set, kind)[1].mean() ** (0.5 if dtype is float else 1.0)
    inside, inside_all = (low <= real <= high for low, high in intervals)
    return kind, bool(inside), bool(inside_all), int(is_judged.sum())


def measured(repetitions: int) -> Iterator[tuple[Kind, bool, bool, int]]:
    """Measure each kind so many times."""
    with ProcessPoolExecutor(2) as pool:
        kinds, numbers = zip(*product(KINDS, range(repetitions)), strict=True)
        yield from pool.map(promises, kinds, numbers)


def main() -> None:
    """Print how often the real loss lies within each promise, by the kind of label."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    results = pd.DataFrame(measured(repetitions), columns=["kind", "judging", "all", "rows"])
    results["label"] = [kind[0] for kind in results["kind"]]
    by_kind = results.groupby("kind")["judging"].mean()
    print(
        markdown(
            [
                {
                    "label": label,
                    "inside, rows that judge": f"{100 * part['judging'].mean():.0f} %",
                    "inside, all labelled rows": f"{100 * part['all'].mean():.0f} %",
                    "rows that judge, median": f"{part['rows'].median():.0f}",
                }
                for label, part in [*results.groupby("label"), ("all", results)]
            ]
        )
    )
    print(f"the worst kind: {by_kind.idxmin()}, {100 * by_kind.min():.0f} %")


if __name__ == "__main__":
    main()
