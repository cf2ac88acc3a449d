"""How right the performance is that is expected without labels, and how honest its alarm.

    python benchmarks/expected_performance.py [sets | looks]

- `sets`: a network learns 40 % of a set's rows. In each of 100 repetitions the others are split
  into evaluated rows, on which its performance is promised, and new rows, of which 300 at most are
  drawn: as they are; more of those with a high value of the feature that goes with the rows'
  difficulty (covariate shift); more of the rarer class, or of high labels (label shift); or as they
  are, and of those with a high value of that feature a third of the labels are others (concept
  drift).
- `looks`: probabilities that are right, of which 150 to 100,000 evaluated rows make the promise;
  then the labels of five scorings of 1,000 rows come, and every 10 of them somebody looks. Counted
  are champions with an alarm at any look, beside a test at each look by itself; and the labels that
  it takes to see a log loss that is worse, because labels are others than the probabilities say.

It takes some ten minutes on two cores, prints tables and writes them to
`benchmarks/expected_performance.md`.
"""

import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sets
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import rankdata, spearmanr
from tables import markdown

from tabular_lstm.judging.intervals import NORMAL
from tabular_lstm.judging.metrics import METRICS, written
from tabular_lstm.monitoring.performance import (
    TAIL,
    Estimate,
    Losses,
    estimates,
    expect,
    measure,
    sums,
    worse_than_promised,
)
from tabular_lstm.parameters import CLASSES, NUMBER, TWO_CLASSES, Task

SETS = {"phoneme": TWO_CLASSES, "contraceptive": CLASSES, "airfoil": NUMBER}
METRIC = {TWO_CLASSES: "log_loss", CLASSES: "log_loss", NUMBER: "rmse"}
REPETITIONS, MOST_ROWS, DRAWN = 100, 5000, 300
SHIFTS = ["none", "covariate", "label", "concept"]
CHAMPIONS, LOOK_EVERY, LABELS, RATE = 2000, 10, 5000, 0.01
SCORED = 1000  # rows of a scoring, each of which is a start that is tested
EVALUATED = (150, 1000, 100_000)
OUT = Path(__file__).with_suffix(".md")


# Expected beside real ------------------------------------------------------------------------


def predicted(kind: str, name: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Learn a part of a set's rows, and give the others with their labels and predictions."""
    import tabular_lstm  # noqa: PLC0415

    rows, labels = sets.load(name)
    order = np.random.default_rng(0).permutation(len(labels))[:MOST_ROWS]
    train, others = np.split(order, [int(0.4 * len(order))])
    model = tabular_lstm.LSTMRegressor if kind == NUMBER else tabular_lstm.LSTMClassifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted: Any = model(random_state=0).fit(rows.iloc[train], labels[train])
        held = rows.iloc[others].reset_index(drop=True)
        if kind == NUMBER:
            ends = fitted.predict_interval(held)
            predictions = np.column_stack([fitted.predict(held), ends])
        else:
            given = fitted.predict_proba(held)
            predictions = given[:, 1] if kind == TWO_CLASSES else given
    return held, labels[others], predictions


def difficulty(predictions: np.ndarray, task: Task) -> np.ndarray:
    """Give for each row the entropy, or the width of the interval."""
    if task.kind == NUMBER:
        return np.asarray(predictions[:, 2] - predictions[:, 1])
    both = predictions if predictions.ndim > 1 else np.stack([predictions, 1 - predictions], 1)
    return np.asarray(-(both * np.log(np.clip(both, 1e-12, 1))).sum(axis=1))


def batch(
    shift: str, of: np.ndarray, labels: np.ndarray, draw: np.random.Generator, task: Task
) -> tuple[np.ndarray, np.ndarray]:
    """Draw new rows, by what makes rows difficult, from 0 to 1: their places, and their labels."""
    count, chance = min(DRAWN, len(labels) // 3), np.ones(len(labels))
    if shift == "covariate":
        chance = np.exp(3 * of)
    elif shift == "label":
        counts = np.bincount(labels) if task.kind != NUMBER else np.zeros(0)
        rare = labels == counts.argmin() if len(counts) else labels > np.quantile(labels, 0.7)
        chance = np.where(rare, 4.0, 1.0)
    places = draw.choice(len(labels), count, replace=False, p=chance / chance.sum())
    new = labels[places].copy()
    if shift == "concept":
        moved = (of[places] > 0.5) & (draw.random(count) < 1 / 3)
        if task.kind == NUMBER:
            new[moved] += labels.std()
        else:
            new[moved] = (new[moved] + 1) % len(task.classes)
    return places, new


def compare(name: str) -> list[dict[str, Any]]:
    """Compare the expected with the real performance of a set's rows under each shift."""
    kind = SETS[name]
    rows, labels, predictions = predicted(kind, name)
    classes = tuple(range(int(labels.max()) + 1))
    task = Task(kind=NUMBER) if kind == NUMBER else Task.of_classes(classes)
    numbers = rows.apply(lambda c: c.cat.codes if c.dtype == "category" else c.fillna(c.median()))
    together = {c: spearmanr(numbers[c], difficulty(predictions, task))[0] for c in numbers}
    column = max(together, key=lambda c: abs(np.nan_to_num(together[c])))
    difficult = rankdata(numbers[column] * np.sign(together[column])) / len(rows)
    answers, metric = predictions[:, 0] if kind == NUMBER else predictions, METRIC[kind]
    results: dict[str, list[tuple[Estimate, Estimate, float]]] = {shift: [] for shift in SHIFTS}
    for repetition in range(REPETITIONS):
        draw = np.random.default_rng(repetition)
        evaluated, new = np.split(draw.permutation(len(labels)), [len(labels) // 3])
        promised = measure(labels[evaluated], answers[evaluated], task)
        estimated = estimates(sums(predictions[evaluated], task), task)
        for shift in SHIFTS:
            drawn, shifted = batch(shift, difficult[new], labels[new], draw, task)
            totals = sums(predictions[new][drawn], task)
            expected = expect(promised, estimated, len(evaluated), totals, task)
            real = measure(shifted, answers[new][drawn], task)
            results[shift].append((promised[metric], expected[metric], real[metric].value))
    return [line_of(name, metric, shift, results[shift]) for shift in SHIFTS]


def line_of(
    name: str, metric: str, shift: str, results: list[tuple[Estimate, Estimate, float]]
) -> dict[str, Any]:
    """Tabulate the means of a set's repetitions under a shift."""
    promised, expected, real = np.mean([(p.value, e.value, r) for p, e, r in results], axis=0)
    within = np.mean([e.low <= r <= e.high for _, e, r in results])
    wrong = "" if shift in SHIFTS[:2] else " (assumed not to be)"
    return {
        "set": name,
        "metric": METRICS[metric],
        "shift": shift + wrong,
        "promised": written(metric, promised),
        "expected": written(metric, expected),
        "real": written(metric, real),
        "real within the interval": f"{100 * within:.0f} %",
    }


def of_sets() -> str:
    """Measure all sets."""
    with ProcessPoolExecutor(2) as pool:
        return markdown([line for lines in pool.map(compare, SETS) for line in lines])


# Looks ---------------------------------------------------------------------------------------


def losses_of(draw: np.random.Generator, rows: int, other: float = 0.0) -> np.ndarray:
    """Draw the log losses of rows, of which this share has the label of the opposite odds."""
    right = expit(draw.normal(-1, 1.5, rows))
    chance = (1 - other) * right + other * (1 - right)
    return np.asarray(-np.log(np.where(draw.random(rows) < chance, right, 1 - right)))


def first_alarms(evaluated: int, other: float, champion: int) -> tuple[float, float]:
    """Give the labels at the first alarm, and at that of a test at each look, inf of none."""
    draw, task = np.random.default_rng(champion), Task.of_classes((0, 1))
    of = losses_of(draw, evaluated)
    mean, error = of.mean(), of.std(ddof=1) / evaluated**0.5
    promise = Estimate(value=mean, low=mean - TAIL * error, high=mean + TAIL * error)
    losses, found = losses_of(draw, LABELS, other), [np.inf, np.inf]
    sums = np.cumsum([[0.0, 0.0], *np.column_stack([losses, losses**2])], axis=0)
    for rows in range(LOOK_EVERY, LABELS + 1, LOOK_EVERY):
        since = {}
        for at in range(0, rows, SCORED):
            mean_of, square = (sums[rows] - sums[at]) / (rows - at)
            off = max(square - mean_of**2, 0.0) * (rows - at) / (rows - at - 1)
            since[str(at)] = Losses(rows - at, float(mean_of), float(off) ** 0.5)
        seen = since["0"]
        if worse_than_promised(since, {"log_loss": promise}, RATE, task):
            found[0] = min(found[0], rows)
            if np.isfinite(found[1]):
                break
        off = (seen.deviation**2 / rows + error**2) ** 0.5
        if rows >= 30 and seen.mean - mean > NORMAL.inv_cdf(1 - RATE) * off:
            found[1] = min(found[1], rows)
    return found[0], found[1]


def share_for(worse: float) -> float:
    """Give the share of labels of the opposite odds with which the loss is worse by so much."""
    rows = 10**6

    def off(other: float) -> float:
        of = [losses_of(np.random.default_rng(0), rows, share).mean() for share in (other, 0.0)]
        return float(of[0] - of[1] - worse)

    return float(brentq(off, 0, 1, xtol=1e-4))


def of_looks() -> str:
    """Count alarms where nothing is worse, and labels until one where the loss is."""
    lines = []
    with ProcessPoolExecutor(2) as pool:
        for worse in (0.0, 0.1):
            other, champions = (share_for(worse), 300) if worse else (0.0, CHAMPIONS)
            for evaluated in EVALUATED:
                one = partial(first_alarms, evaluated, other)
                ours, each = np.array([*pool.map(one, range(champions), chunksize=20)]).T
                seen, at = np.isfinite(ours).mean(), np.median(ours)
                lines.append(
                    {
                        "log loss worse by": worse,
                        "evaluated rows": f"{evaluated:,}",
                        "champions": champions,
                        "with an alarm": f"{100 * seen:.1f} %",
                        "labels at the first, median": "" if np.isinf(at) else f"{at:,.0f}",
                        "with a test at each look": f"{100 * np.isfinite(each).mean():.1f} %",
                    }
                )
                print(lines[-1], flush=True)
    return markdown(lines)


PARTS = {"sets": of_sets, "looks": of_looks}
TITLES = {
    "sets": "## Expected beside real performance",
    "looks": f"## Alarms at any of {LABELS // LOOK_EVERY} looks, at a rate of {100 * RATE:g} %",
}


def main(wanted: list[str]) -> None:
    """Measure, and write the parts that were measured in the place of the old ones."""
    old = OUT.read_text() if OUT.exists() else ""
    parts = {t: p for t in TITLES.values() for p in [old.partition(t)[2].partition("\n## ")[0]]}
    for name in wanted or PARTS:
        parts[TITLES[name]] = PARTS[name]()
    head = "# What `expected_performance.py` measured\n\n"
    OUT.write_text(head + "\n\n".join(f"{t}\n\n{p.strip()}" for t, p in parts.items()) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
