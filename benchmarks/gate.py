"""How often the gate decides wrongly, beside what `new >= old` on the same rows would have done.

    python benchmarks/gate.py [few_rows]

In the first two parts only the comparison with the champions counts, with the default `Promotion`
and the default number of resamples, on Pima: with the one that serves, and of equals also with more
that are kept.

- Real trainings: over five split salts, the network of seed 0 is the champion and those of seeds 1
  to 20 are the candidates, trained on the same rows. No seed is expected to be worse than another,
  so every rejection is wrong. Then candidate and kept champions are drawn from these networks.
- Simulation: out-of-fold probabilities of two networks that differ by the seed, for all rows. These
  rows are the population, on which the candidate is made worse until it is by exactly as much as
  asked for; test rows are drawn from it with replacement. It is made weaker, by mixing its logits
  with those of a network that sees two features; overconfident, by stretching them; or noisier, by
  adding noise to them. Beyond the tolerance every promotion is wrong. At the tolerance, where it is
  hardest to tell, 1 - confidence is what the gate declares.

- Few rows: see `few_rows.py`. It can be measured by itself.

It takes some 30 minutes on two cores, prints the tables and writes them to `benchmarks/gate.md`.
"""

import multiprocessing
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import few_rows
import numpy as np
import pandas as pd
import yaml
from pima import SALTS
from projects import PROJECT
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.model_selection import StratifiedKFold
from tables import markdown
from threadpoolctl import threadpool_limits

from tabular_lstm.datasets import RawRowsDataset
from tabular_lstm.judging import gate
from tabular_lstm.judging.checks import Champion
from tabular_lstm.judging.comparison import Judged
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, TwoClassesMetrics, point_metrics
from tabular_lstm.parameters import (
    Columns,
    Evaluation,
    Network,
    Promotion,
    Reshaping,
    Split,
    Training,
)
from tabular_lstm.pipelines.data_processing.nodes import split_rows, validate_rows
from tabular_lstm.rows.data_summary import ValidRows
from tabular_lstm.rows.schema_fit import learn_schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.runs.provenance import provenance

RESULTS = Path(__file__).with_suffix(".md")
TITLE = "# How often the gate decides wrongly\n"
PROMOTION = Promotion()
EVALUATION = Evaluation()
TOLERANCE = PROMOTION.tolerance.model_dump()
PROVENANCE = provenance(RESULTS.parent, None, {}, {})

SEEDS = range(1, 21)
FOLDS = 5
# Two of the same accuracy, so that by that rule too there are equals to judge.
SIMULATED_SEEDS = (1, 2)
# Of a network that knows little.
WEAK_FEATURES = ["blood_pressure", "skin_thickness"]
# Champions that stand, the one that serves included; and how often they are drawn from the networks
# of a split.
KEPT = (1, 2, 3, PROMOTION.keep_champions)
DRAWS = 1000
REPLICATES = {150: 4000, 600: 1000, 2400: 500}
PROCESSES = 2

RULES = {
    "gate": "the gate",
    "log_loss": "its log loss alone",
    "roc_auc": "its ROC AUC alone",
    "new_roc_auc": "new ROC AUC >= old",
    "new_accuracy": "new accuracy >= old",
}
# How a candidate is made worse, in which metric the true difference is given, and the differences.
WORSENED = (
    ("weaker", "log_loss", (0, 0.005, 0.01, TOLERANCE["log_loss"], 0.03, 0.05, 0.1)),
    ("overconfident", "log_loss", (0, TOLERANCE["log_loss"], 0.03, 0.05, 0.1)),
    ("noisier", "log_loss", (TOLERANCE["log_loss"],)),
    ("weaker", "roc_auc", (TOLERANCE["roc_auc"],)),
    ("noisier", "roc_auc", (TOLERANCE["roc_auc"],)),
)

Case = tuple[str, str, float]


def judge(
    labels: np.ndarray,
    probabilities: dict[str, np.ndarray],
    thresholds: dict[str, float],
    seed: int = EVALUATION.seed,
) -> Judged:
    """Measure networks on the same rows as a run does; `seed` is that of the resamples."""
    evaluation = EVALUATION.model_copy(update={"seed": seed})
    return Judged(labels).with_models(probabilities, thresholds, evaluation)


def promoted(judged: Judged, champion: str) -> dict[str, dict[str, bool]]:
    """Decide on every other network as the candidate, by each of `RULES`."""
    metrics: dict[str, Any] = judged.metrics
    old = metrics[champion]
    decided = {}
    for name, new in metrics.items():
        if name == champion:
            continue
        compared = judged.compare(name, champion, PROMOTION.confidence)
        beyond = gate.not_within(PROMOTION.tolerance, compared)
        decided[name] = {
            "gate": not beyond,
            "log_loss": "log_loss" not in beyond,
            "roc_auc": "roc_auc" not in beyond,
            "new_roc_auc": new.roc_auc >= old.roc_auc,
            "new_accuracy": new.accuracy >= old.accuracy,
        }
    return decided


def promoted_beside(judged: Judged) -> list[float]:
    """Draw a candidate and champions again and again: the share promoted for each of `KEPT`."""
    shares = []
    for kept in KEPT:
        rng = np.random.default_rng(kept)
        passed = 0
        for _ in range(DRAWS):
            candidate, *runs = map(str, rng.choice(list(judged.metrics), kept + 1, replace=False))
            champions = [Champion(run_id=run, sha256="") for run in runs]
            metrics = judged.metrics | {CANDIDATE: judged.metrics[candidate]}
            resampled = judged.resampled | {CANDIDATE: judged.resampled[candidate]}
            known = judged.predictions | {CANDIDATE: judged.predictions[candidate]}
            beside = replace(judged, predictions=known, metrics=metrics, resampled=resampled)
            passed += gate.check_champions(beside, champions, PROMOTION).passed
        shares.append(passed / DRAWS)
    return shares


def pima() -> tuple[ValidRows, Columns]:
    """Read Pima as a run does: valid rows and columns."""
    conf = PROJECT / "conf/base/parameters_data_processing.yml"
    columns = Columns.model_validate(yaml.safe_load(conf.read_text())["columns"])
    raw = RawRowsDataset(filepath=str(PROJECT / "data/01_raw/diabetes.csv")).load()
    return validate_rows(raw, columns)[0], columns


def learn_and_predict(
    train_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    columns: Columns,
    seed: int,
    features: list[str] | None = None,
) -> tuple[np.ndarray, float]:
    """Train the default network as a run does, and predict.

    Returns:
        Probabilities (test rows,) and the decision threshold.
    """
    from tabular_lstm.network.build import build  # noqa: PLC0415
    from tabular_lstm.network.fit import predict, train  # noqa: PLC0415

    schema = learn_schema(
        train_rows[features] if features else train_rows.drop(columns=columns.label),
        categorical=columns.categorical,
        missing=columns.missing,
        reshaping=Reshaping(),
        label=columns.label,
        task=columns.task,
    )
    network, _ = train(
        build(schema, Network(), seed),
        to_sequences(train_rows, schema),
        train_rows[columns.label].to_numpy(np.float32),
        Training(seed=seed),
    )
    return predict(network, to_sequences(test_rows, schema)), network.calibration.threshold


def measure_trainings() -> str:
    """Judge candidates that differ from the champion by the seed alone."""
    valid, columns = pima()
    table: list[dict[str, Any]] = []
    every: list[dict[str, bool]] = []
    beside: list[list[float]] = []
    for salt in SALTS:
        train_rows, test_rows, *_ = split_rows(valid, columns, Split(salt=salt), PROVENANCE)
        labels = test_rows[columns.label].to_numpy()
        probabilities, thresholds = {}, {}
        for seed in (0, *SEEDS):
            probabilities[str(seed)], thresholds[str(seed)] = learn_and_predict(
                train_rows, test_rows, columns, seed
            )
        judged = judge(labels, probabilities, thresholds)
        in_turn = [promoted(judged, champion) for champion in probabilities]
        table.append({"salt": salt, "test rows": len(labels), **count(in_turn[0].values())})
        every += [one for decided in in_turn for one in decided.values()]
        beside.append(promoted_beside(judged))
    sums = {name: sum(line[name] for line in table) for name in list(table[0])[2:]}
    table.append({"salt": "all", "test rows": "", **sums})
    table.append(
        {"salt": "all, each network the champion in turn", "test rows": "", **count(every)}
    )
    return (
        "## Candidates equal to the champion but for the seed\n\n"
        "Real trainings on the same train rows, seed 0 the champion; how many were promoted by "
        f"each rule. Every rejection is wrong.\n\n{markdown(table)}\n\n"
        "The gate asks for no loss against the best of the kept champions either. Candidate and "
        f"kept champions drawn from the {len(SEEDS) + 1} networks of a split, {DRAWS} times for "
        f"each:\n\n{markdown(kept_champions(beside))}\n"
    )


def kept_champions(beside: list[list[float]]) -> list[dict[str, Any]]:
    """Tabulate by the number of kept champions what share is promoted: each split, and their mean.

    Args:
        beside: For each salt, the share for each of `KEPT`.
    """
    return [
        {
            "kept champions": kept,
            **{f"salt {salt}": percent(share) for salt, share in zip(SALTS, shares, strict=True)},
            "mean, % promoted": percent(float(np.mean(shares))),
        }
        for kept, shares in zip(KEPT, zip(*beside, strict=True), strict=True)
    ]


def count(decided: Collection[dict[str, bool]]) -> dict[str, int]:
    """Count the candidates, and those that each rule promotes."""
    promotions = {title: sum(one[rule] for one in decided) for rule, title in RULES.items()}
    return {"candidates": len(decided), **promotions}


def population() -> tuple[np.ndarray, np.ndarray, dict[Case, np.ndarray]]:
    """Predict every row of Pima out of fold, and make candidates worse by a known difference.

    Returns:
        Labels, the champion's logits, and the logits of each candidate.
    """
    (rows, *_), columns = pima()
    labels = rows[columns.label].to_numpy()
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    splits = list(folds.split(rows, labels))

    def out_of_fold(seed: int, features: list[str] | None = None) -> np.ndarray:
        logits = np.empty(len(rows))
        for train, test in splits:
            fold = learn_and_predict(rows.iloc[train], rows.iloc[test], columns, seed, features)
            logits[test] = logit(fold[0])
        return logits

    # The better one is the candidate, so that it takes worsening to make them equal.
    two = [out_of_fold(seed) for seed in SIMULATED_SEEDS]
    better, champion = sorted(two, key=lambda logits: truth(labels, logits).log_loss)
    weak = out_of_fold(0, WEAK_FEATURES)
    noise = np.random.default_rng(0).normal(size=len(rows))
    ways: dict[str, Callable[[float], np.ndarray]] = {
        "weaker": lambda amount: (1 - amount) * better + amount * weak,
        "overconfident": lambda amount: (1 + 2 * amount) * better,
        "noisier": lambda amount: better + 2 * amount * noise,
    }

    def off(amount: float, way: str, metric: str, asked: float) -> float:
        return worse_by(labels, ways[way](amount), champion)[metric] - asked

    candidates = {
        (way, metric, asked): ways[way](brentq(off, 0, 1, args=(way, metric, asked), xtol=1e-9))
        for way, metric, differences in WORSENED
        for asked in differences
    }
    return labels, champion, candidates


def truth(labels: np.ndarray, logits: np.ndarray) -> TwoClassesMetrics:
    """Measure on the whole population; 0.5 decides."""
    return point_metrics(labels, expit(logits), 0.5)


def worse_by(labels: np.ndarray, logits: np.ndarray, champion: np.ndarray) -> dict[str, float]:
    """Say by how much a candidate is truly worse than the champion, in each metric."""
    new, old = truth(labels, logits), truth(labels, champion)
    signs = {"log_loss": 1, "roc_auc": -1, "accuracy": -1}
    return {
        metric: sign * (getattr(new, metric) - getattr(old, metric))
        for metric, sign in signs.items()
    }


def replicate(
    number: int,
    rows: int,
    labels: np.ndarray,
    champion: np.ndarray,
    candidates: dict[Case, np.ndarray],
) -> np.ndarray:
    """Draw test rows and decide on every candidate: booleans (candidates, rules)."""
    drawn = np.random.default_rng([rows, number]).integers(len(labels), size=rows)
    logits = {"champion": champion, **{str(case): values for case, values in candidates.items()}}
    with threadpool_limits(1):
        judged = judge(
            labels[drawn],
            {name: expit(values[drawn]) for name, values in logits.items()},
            dict.fromkeys(logits, 0.5),
            number,
        )
        decided = promoted(judged, "champion")
    return np.array([[one[rule] for rule in RULES] for one in decided.values()])


def measure_simulation() -> str:
    """Judge candidates whose true difference from the champion is known."""
    labels, champion, candidates = population()
    shares = {}
    # Spawned: a process with TensorFlow in it does not fork well.
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        for rows, replicates in REPLICATES.items():
            one = partial(
                replicate, rows=rows, labels=labels, champion=champion, candidates=candidates
            )
            decided = np.mean(list(pool.map(one, range(replicates), chunksize=10)), axis=0)
            shares[rows] = dict(zip(candidates, decided, strict=True))
    truths = {case: worse_by(labels, logits, champion) for case, logits in candidates.items()}
    return "\n".join(
        [at_tolerance(shares), *(by_difference(rows, shares[rows], truths) for rows in shares)]
    )


def at_tolerance(shares: dict[int, dict[Case, np.ndarray]]) -> str:
    """Tell how often one metric alone promotes what is worse in it by just the tolerance."""
    table = []
    for case in next(iter(shares.values())):
        way, metric, asked = case
        if asked == TOLERANCE[metric]:
            line = {"metric": METRICS[metric], "the candidate is": way}
            for rows, replicates in REPLICATES.items():
                share = shares[rows][case][list(RULES).index(metric)]
                error = 1.96 * np.sqrt(share * (1 - share) / replicates)
                line[f"{rows} rows"] = f"{percent(share)} ± {percent(error)}"
            table.append(line)
    return (
        "## Worse by exactly the tolerance\n\n"
        "Out-of-fold predictions of all of Pima's rows are the population, from which test rows "
        "are drawn. The candidate is made worse on it by just so much: weaker, its logits mixed "
        "with those of a network that sees two features; overconfident, its logits stretched; "
        "noisier, noise added to them.\n\n"
        f"Promoted by the metric alone in which it is, % with 95 % interval; declared: "
        f"{percent(1 - PROMOTION.confidence)}.\n\n{markdown(table)}\n"
    )


def by_difference(
    rows: int, shares: dict[Case, np.ndarray], truths: dict[Case, dict[str, float]]
) -> str:
    """Tell how often each rule promotes, by the true difference."""
    table = []
    for case, share in shares.items():
        worse = truths[case]
        beyond = any(worse[metric] > TOLERANCE[metric] - 1e-5 for metric in TOLERANCE)
        equal = case[-1] == 0
        table.append(
            {
                "the candidate is": "equal" if equal else case[0],
                **{
                    f"by {name}": f"{round(worse[metric], 4) + 0.0:.4f}"
                    for metric, name in METRICS.items()
                },
                "wrong is": "to reject" if equal else "to promote" if beyond else "",
                **{title: percent(s) for title, s in zip(RULES.values(), share, strict=True)},
            }
        )
    return (
        f"## {rows} test rows\n\nPromoted by each rule, % of {REPLICATES[rows]} draws of test "
        f"rows.\n\n{markdown(table)}\n"
    )


def percent(share: float) -> str:
    """Write a share in percent."""
    return f"{100 * share:.1f}"


def main(parts: list[str]) -> None:
    """Measure, print and write: all, or the last part, `few_rows`, alone."""
    kept, *_ = RESULTS.read_text().partition(few_rows.TITLE)
    if parts != ["few_rows"]:
        trainings = measure_trainings()
        kept = "\n".join([TITLE, trainings, measure_simulation(), ""])
        print(kept, flush=True)
    few = few_rows.measure()
    print(few, flush=True)
    RESULTS.write_text(kept + few)


if __name__ == "__main__":
    main(sys.argv[1:])
