"""How often the gate decides wrongly, beside what `new >= old` on the same rows would have done.

    python benchmarks/gate.py [trainings | simulation | swapped_labels]

Only the comparison with the champion that serves counts, with the default `PromotionOptions`.

- trainings: over five split salts of Pima, the network of seed 0 is the champion and those of seeds
  1 to 20 are the candidates, trained on the same rows. No seed is expected to be worse than
  another, so every rejection is wrong.
- simulation: out-of-fold probabilities of two networks that differ by the seed, for all of Pima's
  rows. These rows are the population, on which the candidate is made worse until it is by exactly
  as much as asked for; test rows are drawn from it with replacement. It is made weaker, by mixing
  its logits with those of a network that sees two features; overconfident, by stretching them; or
  noisier, by adding noise to them. Beyond the tolerance every promotion is wrong. At the tolerance,
  where it is hardest to tell, 1 - confidence is what the gate declares.
- swapped_labels: how often a run stops because a share of the labels changed sides since the
  champion's.

Default: all, some 30 minutes on two cores. It prints tables; all of them it writes to `gate.md`.
"""

import multiprocessing
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from pima import SALTS
from projects import PROJECT, schema_of
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from tables import markdown
from threadpoolctl import threadpool_limits

from tabular_lstm.datasets.rows_to_score import RawRowsDataset
from tabular_lstm.judging import gate
from tabular_lstm.judging.changes import check_drift
from tabular_lstm.judging.comparison import ZERO_AND_ONE, Evaluation, Predictions
from tabular_lstm.judging.gate import ComparedChampion
from tabular_lstm.parameters.columns import ColumnsOptions, SplitOptions
from tabular_lstm.parameters.hyperparameters import (
    EvaluationOptions,
    NetworkOptions,
    TrainingOptions,
)
from tabular_lstm.parameters.runs import PromotionOptions
from tabular_lstm.pipelines.data_processing.nodes import validate_rows
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.rows.train_test_split import in_test

RESULTS = Path(__file__).with_suffix(".md")
PROMOTION, EVALUATION = PromotionOptions(), EvaluationOptions()
TOLERANCE = PROMOTION.tolerance
RULES = ("the gate", "new ROC AUC >= old")
PROCESSES = 2
# Trainings.
SEEDS = range(1, 21)
# Simulation: seeds of the two networks, features of one that knows little, draws by test rows.
TWO_SEEDS, WEAK_FEATURES, FOLDS = (1, 2), ["blood_pressure", "skin_thickness"], 5
REPLICATES = {150: 4000, 600: 1000, 2400: 500}
# How a candidate is made worse, in which metric the true difference is given, and the differences.
WORSENED = (
    ("weaker", "log_loss", (0, 0.005, 0.01, TOLERANCE["log_loss"], 0.03, 0.05)),
    ("overconfident", "log_loss", (TOLERANCE["log_loss"],)),
    ("noisier", "log_loss", (TOLERANCE["log_loss"],)),
    ("weaker", "roc_auc", (TOLERANCE["roc_auc"],)),
    ("noisier", "roc_auc", (TOLERANCE["roc_auc"],)),
)
# Swapped labels: test rows, shares, draws, and what the champion was.
DRIFT_ROWS, SWAPPED, DRAWS = (40, 150, 600), (0, 0.1, 0.2, 0.3, 0.5, 1), 1000
AUC, POSITIVE = 0.83, 0.35

Case = tuple[str, str, float]


def judge(labels: np.ndarray, probabilities: dict[str, np.ndarray], seed: int) -> Evaluation:
    """Measure networks on the same rows as a run does; `seed` is that of the resamples."""
    evaluation = EVALUATION.model_copy(update={"seed": seed})
    with threadpool_limits(1):
        models = {
            name: Predictions(ZERO_AND_ONE.from_file(p[:, None]), 0.5)
            for name, p in probabilities.items()
        }
        return Evaluation(labels).with_models(models, evaluation)


def promoted(judged: Evaluation, champion: str) -> np.ndarray:
    """Decide on every other network as the candidate: bool (networks, RULES)."""
    metrics: dict[str, Any] = judged.metrics
    decided = []
    for name in [name for name in metrics if name != champion]:
        compared = judged.compare(name, champion, PROMOTION.confidence)
        passed = not gate.losses_beyond(PROMOTION.tolerance, compared, 1.0, "at_worst")
        decided.append([passed, metrics[name].roc_auc >= metrics[champion].roc_auc])
    return np.array(decided)


def in_processes(function: Callable[..., Any], count: int) -> list[Any]:
    """Call a function with each number."""
    # Spawned: a process with TensorFlow in it does not fork well.
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        return [*pool.map(function, range(count), chunksize=10)]


def percent(decided: Iterable[Any]) -> str:
    """Write a share in percent."""
    return f"{100 * np.mean([*decided]):.1f}"


# --- Networks


def pima() -> tuple[pd.DataFrame, ColumnsOptions]:
    """Read Pima as a run does: valid rows and columns."""
    conf = PROJECT / "conf/base/parameters_data_processing.yml"
    columns = ColumnsOptions.model_validate(yaml.safe_load(conf.read_text())["columns"])
    raw = RawRowsDataset(filepath=str(PROJECT / "data/01_raw/diabetes.csv")).load()
    return validate_rows(raw, columns)[0].valid, columns


def learn_and_predict(
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    columns: ColumnsOptions,
    seed: int,
    features: list[str] | None = None,
) -> np.ndarray:
    """Train the default network as a run does, and give the probabilities, (test rows,)."""
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import predict, train  # noqa: PLC0415

    schema = schema_of(
        train_rows[features] if features else train_rows.drop(columns=columns.label),
        categorical=columns.categorical,
        missing=columns.missing,
        label=columns.label,
        task=columns.task,
    )
    network, _ = train(
        build(schema, NetworkOptions(), seed),
        to_sequences(train_rows, schema),
        train_rows[columns.label].to_numpy(np.float32),
        TrainingOptions(seed=seed),
    )
    return predict(network, to_sequences(test_rows, schema))


def measure_trainings() -> str:
    """Judge candidates that differ from the champion by the seed alone."""
    rows, columns = pima()
    table: list[dict[str, Any]] = []
    for salt in SALTS:
        is_test = in_test(rows, columns, SplitOptions(salt=salt))
        train_rows, test_rows = rows[~is_test], rows[is_test]
        probabilities = {
            str(seed): learn_and_predict(train_rows, test_rows, columns, seed)
            for seed in (0, *SEEDS)
        }
        judged = judge(test_rows[columns.label].to_numpy(), probabilities, EVALUATION.seed)
        counts = promoted(judged, "0").sum(axis=0)
        line = {"salt": salt, "test rows": len(test_rows), "candidates": len(SEEDS)}
        table.append(line | dict(zip(RULES, counts.tolist(), strict=True)))
    sums = {name: sum(line[name] for line in table) for name in ("candidates", *RULES)}
    table.append({"salt": "all", "test rows": "", **sums})
    return (
        "## Candidates equal to the champion but for the seed\n\n"
        "How many were promoted by each rule; every rejection is wrong.\n\n"
        f"{markdown(table)}\n"
    )


# --- Known differences


def population() -> tuple[np.ndarray, np.ndarray, dict[Case, np.ndarray]]:
    """Predict every row of Pima out of fold, and make candidates worse by a known difference.

    Returns:
        Labels, the champion's logits, and the logits of each candidate.
    """
    rows, columns = pima()
    labels = rows[columns.label].to_numpy()
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    splits = list(folds.split(rows, labels))

    def out_of_fold(seed: int, features: list[str] | None = None) -> np.ndarray:
        logits = np.empty(len(rows))
        for train, test in splits:
            logits[test] = logit(
                learn_and_predict(rows.iloc[train], rows.iloc[test], columns, seed, features)
            )
        return logits

    # The better one is the candidate, so that it takes worsening to make them equal.
    networks = [out_of_fold(seed) for seed in TWO_SEEDS]
    better, champion = sorted(networks, key=lambda logits: log_loss(labels, expit(logits)))
    weak = out_of_fold(0, WEAK_FEATURES)
    noise = np.random.default_rng(0).normal(size=len(rows))
    changes: dict[str, Callable[[float], np.ndarray]] = {
        "weaker": lambda amount: (1 - amount) * better + amount * weak,
        "overconfident": lambda amount: (1 + 2 * amount) * better,
        "noisier": lambda amount: better + 2 * amount * noise,
    }

    def missing(amount: float, change: str, metric: str, difference: float) -> float:
        return worse_by(labels, changes[change](amount), champion)[metric] - difference

    candidates = {
        (change, metric, difference): changes[change](
            brentq(missing, 0, 1, args=(change, metric, difference), xtol=1e-9)
        )
        for change, metric, differences in WORSENED
        for difference in differences
    }
    return labels, champion, candidates


def worse_by(labels: np.ndarray, logits: np.ndarray, champion: np.ndarray) -> dict[str, float]:
    """Say by how much a candidate is truly worse than the champion, in each metric."""
    return {
        "log_loss": log_loss(labels, expit(logits)) - log_loss(labels, expit(champion)),
        "roc_auc": roc_auc_score(labels, champion) - roc_auc_score(labels, logits),
    }


def replicate(
    number: int, rows: int, labels: np.ndarray, logits: dict[str, np.ndarray]
) -> np.ndarray:
    """Draw test rows and decide on every candidate: bool (candidates, RULES)."""
    sample = np.random.default_rng([rows, number]).integers(len(labels), size=rows)
    probabilities = {name: expit(values[sample]) for name, values in logits.items()}
    return promoted(judge(labels[sample], probabilities, number), "champion")


def measure_simulation() -> str:
    """Judge candidates whose true difference from the champion is known."""
    labels, champion, candidates = population()
    logits = {"champion": champion, **{str(case): values for case, values in candidates.items()}}
    parts = []
    for rows, replicates in REPLICATES.items():
        decide = partial(replicate, rows=rows, labels=labels, logits=logits)
        decided = np.stack(in_processes(decide, replicates))
        table = []
        for place, ((change, _, difference), values) in enumerate(candidates.items()):
            worse = worse_by(labels, values, champion)
            shares = map(percent, decided[:, place].T)
            table.append(
                {
                    "the candidate is": change if difference else "equal",
                    "by log loss": f"{worse['log_loss'] + 0.0:.4f}",
                    "by ROC AUC": f"{worse['roc_auc'] + 0.0:.4f}",
                    **dict(zip(RULES, shares, strict=True)),
                }
            )
        parts.append(
            f"## {rows} test rows\n\nPromoted by each rule, % of {replicates} draws of test "
            f"rows; declared at the tolerance: {percent([1 - PROMOTION.confidence])}.\n\n"
            f"{markdown(table)}\n"
        )
    return "\n".join(parts)


# --- Swapped labels


def is_stopped(number: int, rows: int, share: float) -> bool:
    """Draw test rows, let a share of the labels change sides: does the gate stop?"""
    rng = np.random.default_rng([number, rows])
    labels = (rng.random(rows) < POSITIVE).astype(int)
    logits = norm.ppf(AUC) * np.sqrt(2) * labels + rng.normal(size=rows)
    before = judge(labels, {"champion": expit(logits)}, number)
    champion = ComparedChampion(
        run_id="champion", sha256="", promoted_with=before.metrics["champion"]
    )
    swapped = np.where(rng.random(rows) < share, 1 - labels, labels)
    after = judge(swapped, {"champion": expit(logits)}, number)
    return not check_drift(after, [champion], PROMOTION).passed


def measure_swapped_labels() -> str:
    """Measure how often the gate stops, by the number of test rows."""
    table = [
        {"labels that changed sides": f"{100 * share:g} %"}
        | {
            f"{rows}": percent(in_processes(partial(is_stopped, rows=rows, share=share), DRAWS))
            for rows in DRIFT_ROWS
        }
        for share in SWAPPED
    ]
    return (
        "## Swapped labels\n\nRuns that stop because the champion is not what it was, % of "
        f"{DRAWS} draws, by the test rows; its ROC AUC was {AUC}, and {100 * POSITIVE:.0f} % of "
        f"the rows were positive:\n\n{markdown(table)}\n"
    )


MEASURES = {
    "trainings": measure_trainings,
    "simulation": measure_simulation,
    "swapped_labels": measure_swapped_labels,
}

if __name__ == "__main__":
    parts = []
    for name in sys.argv[1:] or MEASURES:
        parts.append(MEASURES[name]())
        print(parts[-1], flush=True)
    if not sys.argv[1:]:
        RESULTS.write_text("\n".join(["# How often the gate decides wrongly\n", *parts]))
