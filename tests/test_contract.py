"""What others rely on, by the command line and the files alone: what is inside may change freely.

`contract.json` holds what came before the insides were made smaller. A change of one of its values
is a change of what is promised: rows that change sides, a cell that means something else, a name
that programs read.
"""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyarrow import parquet

from tests.helpers.commands import RETRAINING, ROLLBACK, here, seed, succeeds
from tests.helpers.outputs import key_paths
from tests.helpers.project import ROOT, Project, declare
from tests.helpers.scorings import SCORING, rows_at

KNOWN: dict[str, Any] = json.loads((ROOT / "tests/contract.json").read_text())
ROWS = ("run", "--pipelines", "data_processing")
# Members with the defaults' kinds, trained long enough that a metric says something.
SHORT = {
    "network": {"ensemble": {"members": 2}},
    "training": {"epochs": 12},
    "evaluation": {"bootstrap_resamples": 200, "importance_repeats": 1},
}


def hashed(names: list[Any]) -> str:
    return hashlib.sha256("\n".join(sorted(map(str, names))).encode()).hexdigest()[:16]


def newest(project: Project, output: str, env: str = "") -> Path:
    return project.versions(output, env)[-1]


def visits(count: int = 400) -> list[dict[str, str]]:
    """Rows of whatever a table may hold, each spelt in one of several ways."""
    draw = random.Random(7)
    rows = []
    for number in range(count):
        rows.append(
            {
                "visit": draw.choice([f"{number}", f"{number}.0", f" {number} "]),
                "patient": f"p{draw.randrange(120)}",
                "day": f"{draw.randint(1, 28):02}.{draw.randint(1, 12):02}.2025",
                "when": f"2025-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
                "weight": draw.choice(["1", "2", "0,5"]),
                "height": draw.choice(["170,5", "1.180,25", "-999", "", "165", "1e2"]),
                "color": draw.choice(["red", "Blue", " green ", "", "NA", "007"]),
                "note": draw.choice(["x", "y"]),
                "well": draw.choice(["yes", "no"]),
            }
        )
    return rows


BAD = {
    3: {"height": "tall"},
    5: {"height": "1.80,5"},
    7: {"well": "maybe"},
    9: {"well": ""},
    11: {"day": "31.02.2025"},
    13: {"weight": "-1"},
    15: {"visit": ""},
    17: {"height": "9999"},
    19: {"patient": " "},
    21: {"day": "2025-01-01", "height": "nan?"},
    23: {"height": "inf"},
    25: {"weight": "heavy"},
}
COLUMNS = {
    "label": "well",
    "positive_class": "yes",
    "negative_class": "no",
    "categorical": ["color"],
    "dates": {"day": "%d.%m.%Y"},
    "ignore": ["note", "visit", "patient", "when", "weight"],
    "bounds": {"height": [0, 3000]},
    "missing": {"height": [-999]},
}


def write_csv(path: Path, rows: list[dict[str, str]], delimiter: str = ";") -> None:
    pd.DataFrame(rows).to_csv(path, index=False, sep=delimiter)


def with_visits(project: Project, **columns: Any) -> None:
    """Let the raw rows be the visits, in a CSV with decimal commas, and these columns declared."""
    rows = visits()
    for number, cells in BAD.items():
        rows[number - 1].update(cells)
    write_csv(project.raw, rows)
    catalog = {
        "raw_rows": {
            "type": "tabular_lstm.datasets.RawCSVDataset",
            "filepath": "data/01_raw/diabetes.csv",
            "load_args": {"sep": ";", "decimal": ",", "thousands": "."},
        }
    }
    (project.path / "conf/local/catalog.yml").write_text(json.dumps(catalog))
    used = {name for name in columns.values() if isinstance(name, str)}
    ignore = [name for name in COLUMNS["ignore"] if name not in used]
    described = {**COLUMNS, **columns, "ignore": ignore}
    declare(project, columns=described, validation={"max_quarantined_fraction": 0.1})


def of_folder(project: Project) -> None:
    """Let the raw rows be a folder of files, of which later ones replace rows of earlier ones."""
    with_visits(project, key="visit")
    folder = project.path / "data/01_raw/months"
    folder.mkdir()
    rows = visits()
    write_csv(folder / "2025-01.csv", rows[:250])
    write_csv(folder / "2025-02.csv", rows[200:])
    catalog = project.path / "conf/local/catalog.yml"
    catalog.write_text(catalog.read_text().replace("diabetes.csv", "months"))


def by_time(project: Project) -> None:
    with_visits(project, time="when")
    conf = project.path / "conf/local/parameters.yml"
    conf.write_text(json.dumps({**json.loads(conf.read_text()), "split": {"kind": "time"}}))


TABLES: dict[str, Callable[[Project], None]] = {
    "shipped": lambda project: None,
    "by features": with_visits,
    "by key": lambda project: with_visits(project, key="visit"),
    "by group": lambda project: with_visits(project, group="patient"),
    "weighted": lambda project: with_visits(project, key="visit", weight="weight"),
    "of a folder": of_folder,
    "by time": by_time,
}


def rows_of_a_run(project: Project) -> dict[str, Any]:
    """Tell which rows a run of the rows alone puts where, and why."""
    succeeds(here(*ROWS))
    told = {}
    for side in ("train", "test"):
        rows = pd.read_parquet(newest(project, f"03_primary/{side}_rows.parquet"))
        told[side] = {
            "rows": len(rows),
            "of": hashed(list(rows.index)),
            "columns": sorted(f"{name}: {dtype}" for name, dtype in rows.dtypes.items()),
            "sums": {
                name: round(float(rows[name].sum()), 6)
                for name in rows.columns
                if rows[name].dtype.kind in "fib"
            },
        }
    aside = pd.read_csv(
        newest(project, "02_intermediate/quarantined_rows.csv"), dtype=str, keep_default_na=False
    )
    told["quarantine"] = dict(zip(aside["row"], aside["reason"], strict=True))
    return told


@pytest.mark.parametrize("table", TABLES)
def test_each_row_is_on_its_side_or_in_quarantine_with_its_reason(
    table: str, project: Project
) -> None:
    TABLES[table](project)
    assert rows_of_a_run(project) == KNOWN["rows"][table]


def night(project: Project) -> dict[str, Any]:
    """Run what a night runs, and name what it leaves."""
    declare(project, **SHORT, promotion={"tolerance": {"log_loss": 1.0, "roc_auc": 1.0}})
    first, again = here(*RETRAINING), here(*RETRAINING)
    succeeds(here(*RETRAINING, *seed(1)))
    succeeds(here(*ROLLBACK))
    bad = project.path / "bad.csv"
    shipped = (project.path / "data/01_raw/rows_to_score.csv").read_text()
    bad.write_text(f"{shipped}P1,3,187,70,22,200,36.4,0.4,old\n")
    scored = here(*SCORING, *rows_at(bad, "scoring.pass_through=[patient]"))
    folder = project.path / "data"
    (manifest,) = folder.glob("07_model_output/predictions/*/manifest.json")
    (part,) = manifest.parent.glob("*.parquet")
    aside = newest(project, "02_intermediate/quarantined_rows_to_score.csv")
    log = [json.loads(line) for line in (folder / "08_reporting/promotions.jsonl").open()]
    decision = newest_promoted(project, log)
    return {
        "codes": {
            "first": first.returncode,
            "nothing new": again.returncode,
            "scored": scored.returncode,
            "unknown run": here(*ROLLBACK, "--params", "rollback.run_id=none").returncode,
        },
        "actions": [line["action"] for line in log],
        "serves again": log[-1]["serves_now"] == log[0]["run_id"],
        "log": sorted(log[0]),
        "decision": sorted(key_paths(decision) - of_packages(decision)),
        "metrics": sorted(key_paths(project.metrics())),
        "manifest": sorted(key_paths(json.loads(manifest.read_text()))),
        "predictions": [f"{field.name}: {field.type}" for field in parquet.read_schema(part)],
        "rows": parquet.read_table(part, columns=["row"])["row"].to_pylist(),
        "quarantine": aside.read_text().splitlines()[1:],
    }


def newest_promoted(project: Project, log: list[dict[str, Any]]) -> dict[str, Any]:
    run = [line["run_id"] for line in log if line["action"] == "promoted"][-1]
    path = project.path / f"data/08_reporting/decision.json/{run}/decision.json"
    return json.loads(path.read_text())


def of_packages(decision: dict[str, Any]) -> set[str]:
    """Name what depends on conf and on what is installed."""
    return {path for path in key_paths(decision) if path.startswith((".packages", ".parameters"))}


@pytest.mark.long
def test_a_night_leaves_what_programs_read_under_the_same_names(project: Project) -> None:
    known, came = KNOWN["night"], night(project)
    for names in ("log", "decision", "metrics", "manifest"):
        gone = {*known.pop(names)} - {*came.pop(names)}
        assert not gone, f"{names}: these names are gone"
    assert came == known


def judged(project: Project, env: str | None) -> dict[str, float]:
    """Give the metrics of a short run: no processor gives others by more than a hundredth."""
    declare(project, **SHORT)
    project.run(env=env)
    metrics = project.metrics(env or "")
    models = {"network": metrics["test"], **metrics["baselines"]}
    return {
        f"{model} {metric}": values[metric]
        for model, values in models.items()
        for metric in ("roc_auc", "log_loss")
    }


@pytest.mark.parametrize(
    "env", ["base", pytest.param("italy_power_demand", marks=pytest.mark.long)]
)
def test_the_metrics_of_a_run_are_as_they_were(env: str, project: Project) -> None:
    came = judged(project, None if env == "base" else env)
    assert came == pytest.approx(KNOWN["metrics"][env], abs=0.01)
