"""Keep small environments as this version leaves them: `python -m tests.helpers.releases`.

A release runs it once, before the version's number rises; `tests/test_releases.py` then reads the
folder for good. Each environment has conf, raw rows, two promoted champions, the promotion log, the
decisions, and one finished scoring with reasons. The rows are made up.
"""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.framework.project import pipelines

from tabular_lstm import __version__
from tests.helpers.commands import RETRAINING, ROLLBACK, here, succeeds
from tests.helpers.project import ROOT, Project
from tests.helpers.scorings import SCORING

RELEASES = ROOT / "tests/releases"
ROWS, TO_SCORE = 400, 120
# What a later version reads, below the folder of an environment's outputs.
KEPT = [
    "02_intermediate/quarantined_rows_to_score.csv/*/*",
    "06_models/best_parameters.json/*/*",
    "06_models/candidate.keras/*/*",
    "06_models/train_fingerprints.npz/*/*",
    "07_model_output/predictions/*/*",
    "07_model_output/reference.json/*/*",
    "08_reporting/decision.json/*/*",
    "08_reporting/metrics.json/*/*",
    "08_reporting/promotions.jsonl",
    "08_reporting/scoring_drift.json/*/*",
    "08_reporting/scoring_summary.json/*/*",
]
SMALL = {
    "network": {"ensemble": {"members": 1, "units": [4], "dimensions": 4, "frequencies": 4}},
    "training": {"epochs": 30, "learning_rate": 0.03},
    "evaluation": {"bootstrap_resamples": 100, "importance_repeats": 1},
    "promotion": {"tolerance": {"log_loss": 1.0, "roc_auc": 1.0, "rmse": 1.0, "mae": 1.0}},
    "tuning": {"space": {"training.learning_rate": {"low": 0.01, "high": 0.05}}},
    "scoring": {"reasons": 2},
}


def visits(draw: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw visits with numbers, words, dates, gaps, weights, patients, and one label per task."""
    age = draw.uniform(18, 80, count).round(2)
    color = draw.choice(["red", "light blue", "Grün"], count)
    income = draw.lognormal(10, 1, count).round(2)
    seen = pd.Timestamp("2026-01-01") + pd.to_timedelta(draw.integers(0, 300, count), "D")
    middle = (age > 35) & (age < 60)
    warm = middle ^ (color == "red") ^ (draw.random(count) < 0.05)
    size = np.where(middle, "middle", np.where(age < 40, "small", "large"))
    rows = pd.DataFrame(
        {
            "age": age.astype(str),
            "color": color,
            "income": income.astype(str),
            "seen": seen.strftime("%d.%m.%Y"),
            "patient": [f"p{number // 2}" for number in range(count)],
            "weight": draw.choice(["1", "2"], count),
            "warm": np.where(warm, "yes", "no"),
            "size": np.where(draw.random(count) < 0.05, "small", size),
            "price": (100 + 100 * middle + age / 5 + draw.normal(0, 5, count)).round(2),
        }
    )
    rows.loc[3::11, "income"] = ""
    rows.loc[4::17, "income"] = "-1"
    rows.loc[5::13, "color"] = "NA"
    return rows


def days(draw: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw customers with five days each, whose value has a trend; the label is the next value."""
    customers = count // 5
    level, trend = draw.normal(50, 10, customers), draw.normal(0, 3, customers)
    day = np.tile(np.arange(5), customers)
    customer = np.repeat(np.arange(customers), 5)
    value = level[customer] + trend[customer] * day + draw.normal(0, 1, len(day))
    dates = pd.Timestamp("2026-01-01") + pd.to_timedelta(day, "D")
    return pd.DataFrame(
        {
            "customer": [f"c{number}" for number in customer],
            "date": dates.strftime("%Y-%m-%d"),
            "value": value.round(2).astype(str),
            "kind": draw.choice(["shop", "web"], len(day)),
            "next": (value + trend[customer] + draw.normal(0, 1, len(day))).round(2),
        }
    )


FEATURES = {"categorical": ["color"], "dates": {"seen": "%d.%m.%Y"}, "missing": {"income": [-1]}}
WARM = {"label": "warm", "positive_class": "yes", "negative_class": "no", "key": "visit"}
# By environment: the label, and the block `columns`.
ENVIRONMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "words": ("warm", {**FEATURES, **WARM}),
    "classes": (
        "size",
        {**FEATURES, "label": "size", "classes": ["small", "middle", "large"], "key": "visit"},
    ),
    "number": (
        "price",
        {**FEATURES, "label": "price", "task": "number", "key": "visit", "time": "seen"},
    ),
    "histories": (
        "next",
        {
            "label": "next",
            "task": "number",
            "key": "visit",
            "categorical": ["kind"],
            "history": {"of": "customer", "order": "date", "steps": 5, "known_after": "1 day"},
        },
    ),
    "rolled_back": ("warm", {**FEATURES, **WARM, "group": "patient", "weight": "weight"}),
}
# By environment: blocks that only it has.
OTHERS: dict[str, dict[str, Any]] = {
    "words": {"training": {**SMALL["training"], "objective": {"kind": "f1"}}},
    "classes": {
        "training": {
            **SMALL["training"],
            "objective": {"kind": "costs", "costs": [[0, 1, 1], [1, 0, 1], [3, 3, 0]]},
        }
    },
    "number": {"split": {"kind": "time", "test_fraction": 0.25}},
}
LABELS = {"warm", "size", "price"}
ONLY_ROLLED_BACK = {"patient", "weight"}


def write_environment(project: Path, env: str) -> None:
    """Write conf, raw rows, rows to score and late labels of an environment."""
    label, columns = ENVIRONMENTS[env]
    draw_rows = days if env == "histories" else visits
    # Two environments are judged by groups, and of histories only last rows are predicted.
    count = 2 * ROWS if env in {"histories", "rolled_back"} else ROWS
    new = 2 * TO_SCORE if env == "histories" else TO_SCORE
    rows = draw_rows(np.random.default_rng(len(env)), count + new)
    unused = (LABELS - {label}) | (set() if env == "rolled_back" else ONLY_ROLLED_BACK)
    rows = rows.drop(columns=[*unused & {*rows}])
    rows.insert(0, "visit", [f"v{number}" for number in range(len(rows))])
    raw = project / "data/01_raw"
    raw.mkdir(parents=True, exist_ok=True)
    rows[:count].to_csv(raw / f"{env}.csv", index=False)
    rows[: count * 7 // 8].to_csv(raw / f"{env}_before.csv", index=False)
    to_score = rows[count:].drop(columns="weight", errors="ignore")
    to_score[["visit", label]].to_csv(raw / f"{env}_labels.csv", index=False)
    to_score[label] = ""
    number = "value" if env == "histories" else "age"
    to_score.loc[to_score.index[-1], number] = "many"
    to_score.to_csv(raw / f"{env}_to_score.csv", index=False)
    conf = project / f"conf/{env}"
    conf.mkdir(parents=True)
    entry = {"type": "tabular_lstm.datasets.RawRowsDataset"}
    catalog = {
        "raw_rows": {**entry, "filepath": f"data/01_raw/{env}.csv"},
        "rows_to_score": {**entry, "filepath": f"data/01_raw/{env}_to_score.csv"},
    }
    (conf / "catalog.yml").write_text(json.dumps(catalog, indent=1))
    shipped: dict[str, Any] = {"bounds": {}, "missing": {}}  # of the shipped rows
    parameters = {**SMALL, **OTHERS.get(env, {}), "columns": {**shipped, **columns}}
    parameters["validation"] = {"max_quarantined_fraction": 0.2}
    (conf / "parameters.yml").write_text(json.dumps(parameters, indent=1))


def run(*arguments: str) -> None:
    """Run `kedro` in this process, to a good end."""
    succeeds(here(*arguments))
    pipelines.set_requested(None)


def main() -> None:
    """Make the folder of this version; an existing one is replaced."""
    kept = RELEASES / __version__
    shutil.rmtree(kept, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        project = Project.copied_to(Path(folder))
        shutil.rmtree(project.path / "data")
        with contextlib.chdir(project.path):
            for env in ENVIRONMENTS:
                write_environment(project.path, env)
                all_rows = Path(f"data/01_raw/{env}.csv")
                content = all_rows.read_bytes()
                Path(f"data/01_raw/{env}_before.csv").replace(all_rows)
                run(*RETRAINING, "--env", env)
                all_rows.write_bytes(content)
                run(*RETRAINING, "--env", env)
                if env == "rolled_back":
                    many = "promotion.min_test_rows_per_class=1000"
                    run(*RETRAINING, "--env", env, "--params", many)
                    run(*ROLLBACK, "--env", env)
                if env == "number":
                    run("run", "--pipelines", "tuning", "--env", env, "--params", "tuning.trials=2")
                run(*SCORING, "--env", env)
        for name in ("conf/base", *(f"conf/{env}" for env in ENVIRONMENTS), "data/01_raw"):
            shutil.copytree(project.path / name, kept / name)
        for env in ENVIRONMENTS:
            outputs = project.path / "data" / env
            for pattern in KEPT:
                for path in outputs.glob(pattern):
                    target = kept / path.relative_to(project.path)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, target)
            actions = [
                json.loads(line)["action"]
                for line in (outputs / "08_reporting/promotions.jsonl").open()
            ]
            print(env, actions)  # noqa: T201


if __name__ == "__main__":
    main()
