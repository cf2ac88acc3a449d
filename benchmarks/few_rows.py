"""How often the gate decides wrongly on few test rows: a part of `benchmarks/gate.py`.

    python benchmarks/gate.py few_rows

Three simulations, some seven minutes on two cores:

- Useless candidates, whose probabilities have nothing to do with the labels, beside the majority
  class: how often they pass the floor, where 1 - confidence is declared.
- Candidates that are worse than a champion by exactly the tolerance in ROC AUC, and equal ones: how
  often the comparison of the ROC AUC promotes them. The champion ranks nine of ten pairs rightly,
  or all.
- A champion for which a share of the labels changed sides: how often the gate stops.
"""

import multiprocessing
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm
from tables import markdown
from threadpoolctl import threadpool_limits

from tabular_lstm.judging import gate
from tabular_lstm.judging.changes import check_drift
from tabular_lstm.judging.checks import Champion
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.intervals import bootstrap, interval, placements, row_losses
from tabular_lstm.judging.metrics import CANDIDATE, point_metrics
from tabular_lstm.parameters import Promotion

DEFAULT = Promotion()
# What the bounds alone let through.
PROMOTION = DEFAULT.model_copy(update={"min_test_rows_per_class": 1})
# The gate looks at two metrics, and the others take longer than all else.
UNMEASURED = point_metrics(np.array([0, 1]), np.array([0.5, 0.5]), 0.5)
RESAMPLES = 500
DRAWS = 1000
PROCESSES = 2
TITLE = "## Few test rows"
# Of the smaller class.
ROWS = (2, 3, 5, 10, 20, 50, 150)
# Negative rows for each positive one.
BALANCES = (1, 5)
# Chances that a row's logit moves by so much from that of the majority class.
USELESS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "all rows differ": lambda rng, rows: rng.normal(0, 0.3, rows),
    "two values": lambda rng, rows: rng.choice([-0.3, 0.3], rows),
    "one row of ten": lambda rng, rows: np.where(rng.random(rows) < 0.1, 1.0, 0.0),
}


def judge(labels: np.ndarray, logits: dict[str, np.ndarray], seed: int) -> Judged:
    """Measure what the gate compares, as a run does but with fewer resamples."""
    probabilities = {name: expit(values) for name, values in logits.items()}
    judged = Judged(
        labels=labels,
        predictions=probabilities,
        without_prediction=dict.fromkeys(probabilities, 0),
        metrics={
            name: UNMEASURED.model_copy(
                update={
                    "roc_auc": float(placements(labels, p)[labels == 1].mean()),
                    "log_loss": float(row_losses(labels, p).mean()),
                }
            )
            for name, p in probabilities.items()
        },
    )
    statistics = {
        name: judged.measure.statistics(judged, p, p >= 0.5) for name, p in probabilities.items()
    }
    return replace(judged, resampled=bootstrap(statistics, len(labels), RESAMPLES, seed))


def labels_of(rows: int, balance: int) -> np.ndarray:
    """Give so many positive rows, and `balance` times as many negative ones."""
    return np.repeat([1, 0], [rows, rows * balance])


def useless_passes(number: int, rows: int, balance: int, kind: str) -> bool:
    """Draw a useless candidate: does it pass the floor?"""
    labels, rng = labels_of(rows, balance), np.random.default_rng([number, rows, balance])
    prior = np.full(len(labels), logit(1 / (1 + balance)))
    logits = {
        CANDIDATE: prior + USELESS[kind](rng, len(labels)),
        "majority_class": prior,
        "logistic_regression": prior,
    }
    return gate.check_floor(judge(labels, logits, number), PROMOTION).passed


# The true ROC AUC of the champion, of the candidate, and how the candidate is worse.
RIVALS = {
    "equal: 0.90 and 0.90": (0.9, 0.9, "blurred"),
    "worse: 0.90 and 0.88": (0.9, 0.88, "blurred"),
    "equal: 1.00 and 1.00": (1.0, 1.0, "blurred"),
    "worse: 1.00 and 0.98, all scores blurred": (1.0, 0.98, "blurred"),
    "worse: 1.00 and 0.98, 2 % of the positive rows last": (1.0, 0.98, "missed"),
}
CORRELATION = 0.9
PERFECT = 0.99999
# Of the champion whose labels change.
AUC, POSITIVE = 0.83, 0.35
TEST_ROWS = (40, 150, 600)
FLIPPED = (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1)


def rival_passes(number: int, rows: int, balance: int, rivals: str) -> bool:
    """Draw rows and two models' scores: is the candidate shown to be as good in ROC AUC?"""
    champion_auc, candidate_auc, how = RIVALS[rivals]
    labels, rng = labels_of(rows, balance), np.random.default_rng([number, rows, balance])
    shared, own, its = rng.normal(size=(3, len(labels)))

    def scores(auc: float, noise: np.ndarray) -> np.ndarray:
        apart = norm.ppf(min(auc, PERFECT)) * np.sqrt(2)
        moved: np.ndarray = (
            apart * labels + CORRELATION**0.5 * shared + (1 - CORRELATION) ** 0.5 * noise
        )
        return moved

    candidate = scores(champion_auc if how == "missed" else candidate_auc, own)
    if how == "missed":
        missed = (labels == 1) & (rng.random(len(labels)) < champion_auc - candidate_auc)
        candidate = np.where(missed, candidate.min() - 1, candidate)
    logits = {CANDIDATE: candidate, "champion": scores(champion_auc, its)}
    judged = judge(labels, logits, number)
    compared = judged.compare(CANDIDATE, "champion", PROMOTION.confidence)
    return not gate.not_within(PROMOTION.tolerance, {"roc_auc": compared["roc_auc"]})


def drift_is_seen(number: int, rows: int, share: float) -> bool:
    """Draw test rows, let a share of the labels change sides: does the gate stop?"""
    rng = np.random.default_rng([number, rows])
    labels = (rng.random(rows) < POSITIVE).astype(int)
    logits = {"champion": norm.ppf(AUC) * np.sqrt(2) * labels + rng.normal(size=rows)}
    then = judge(labels, logits, number)
    bounds = {"roc_auc": interval(then.resampled["champion"]["roc_auc"])}
    promoted_with = then.metrics["champion"].model_copy(update={"interval": bounds})
    champion = Champion(run_id="champion", sha256="", promoted_with=promoted_with)
    now = judge(np.where(rng.random(rows) < share, 1 - labels, labels), logits, number)
    return not check_drift(now, [champion], PROMOTION).passed


def shares(one: Callable[..., bool], cases: list[tuple[Any, ...]]) -> list[str]:
    """Give for each case the percentage of draws in which it is true."""
    # Spawned: a process with TensorFlow in it does not fork well.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, threadpool_limits, (1,)) as pool:
        runs = [pool.map(partial(_case, one, case), range(DRAWS), chunksize=50) for case in cases]
        return [f"{100 * np.mean(list(run)):.1f}" for run in runs]


def _case(one: Callable[..., bool], case: tuple[Any, ...], number: int) -> bool:
    return one(number, *case)


def table(
    one: Callable[..., bool],
    columns: Collection[int],
    lines: dict[Any, tuple[Any, ...]],
) -> list[dict[str, str]]:
    """Measure a line of cases for each of `columns`, by the words that begin the line."""
    measured = iter(shares(one, [(rows, *case) for case in lines.values() for rows in columns]))
    return [
        {
            **dict(zip(("case", "negative rows to a positive one"), words, strict=False)),
            **{f"{rows}": next(measured) for rows in columns},
        }
        for words in lines
    ]


def measure() -> str:
    """Measure all three, as a part of `gate.md`."""
    kinds = {(kind, str(b)): (b, kind) for kind in USELESS for b in BALANCES}
    useless = markdown(table(useless_passes, ROWS, kinds))
    models = {(name, str(b)): (b, name) for name in RIVALS for b in BALANCES}
    rivals = markdown(table(rival_passes, ROWS, models))
    flips = {(f"{100 * share:g} % of the labels",): (share,) for share in FLIPPED}
    drift = markdown(table(drift_is_seen, TEST_ROWS, flips))
    declared = 100 * (1 - PROMOTION.confidence)
    return (
        f"{TITLE}\n\nEach share is of {DRAWS} draws; where 5 % are true, it is between 3.7 and 6.4 "
        f"in 95 % of measurements. No least number of rows per class is asked for here; by default "
        f"it is {DEFAULT.min_test_rows_per_class}.\n\n"
        "Useless candidates that pass the floor, %, by the test rows of the smaller class; "
        f"declared: {declared:.1f}. The probabilities differ from the majority class's in all "
        f"rows, have two values, or differ in one row of ten.\n\n{useless}\n\n"
        "Candidates that are shown, by ROC AUC alone, to be no more than "
        f"{PROMOTION.tolerance.roc_auc} worse than the champion, %, by the test rows of the "
        "smaller class, with the true ROC AUC of champion and candidate. Of those that are worse, "
        f"declared: {declared:.1f}.\n\n{rivals}\n\n"
        "Runs that stop because the champion is not what it was, %, by the test rows, where a "
        f"share of the labels changed sides; its ROC AUC was {AUC}, and "
        f"{100 * POSITIVE:.0f} % of the rows were positive.\n\n{drift}\n"
    )
