"""Keep small environments as this version leaves them: `python -m tests.helpers.releases`.

A release runs it once, before the version's number rises; `tests/test_releases.py` then reads the
folder for good. Each environment has conf, raw rows, two promoted champions, the promotion log, the
decisions, and one finished scoring with reasons. Conf and rows, which are made up, are those of the
release before.
"""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path

from kedro.framework.project import pipelines

from tabular_lstm import __version__
from tests.helpers.commands import RETRAINING, ROLLBACK, here, succeeds
from tests.helpers.project import ROOT, Project
from tests.helpers.scorings import SCORING

RELEASES = ROOT / "tests/releases"
ENVIRONMENTS = ("words", "classes", "number", "histories", "rolled_back")
# What a later version reads, below the folder of an environment's outputs.
KEPT = [
    "02_intermediate/quarantined_rows_to_score.csv/*/*",
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


def run(*arguments: str) -> None:
    """Run `kedro` in this process, to a good end."""
    succeeds(here(*arguments))
    pipelines.set_requested(None)


def run_environment(env: str) -> None:
    """Promote twice, the second time with an eighth more rows, and score."""
    all_rows = Path(f"data/01_raw/{env}.csv")
    header, *rows = all_rows.read_text().splitlines(keepends=True)
    all_rows.write_text("".join([header, *rows[: len(rows) * 7 // 8]]))
    run(*RETRAINING, "--env", env)
    all_rows.write_text("".join([header, *rows]))
    run(*RETRAINING, "--env", env)
    if env == "rolled_back":
        many = "promotion.min_test_rows_per_class=1000"
        run(*RETRAINING, "--env", env, "--params", many)
        run(*ROLLBACK, "--env", env)
    run(*SCORING, "--env", env)


def main() -> None:
    """Make the folder of this version; an existing one is replaced."""
    kept, before = RELEASES / __version__, max(RELEASES.glob("[0-9]*"))
    with tempfile.TemporaryDirectory() as folder:
        project = Project.copied_to(Path(folder))
        shutil.rmtree(project.path / "data")
        for name in ("data/01_raw", *(f"conf/{env}" for env in ENVIRONMENTS)):
            shutil.copytree(before / name, project.path / name)
        with contextlib.chdir(project.path):
            for env in ENVIRONMENTS:
                run_environment(env)
        shutil.rmtree(kept, ignore_errors=True)
        for name in ("conf/base", *(f"conf/{env}" for env in ENVIRONMENTS), "data/01_raw"):
            shutil.copytree(project.path / name, kept / name)
        (kept / "deploy/cron").mkdir(parents=True)
        shutil.copy(ROOT / "deploy/cron/run", kept / "deploy/cron")
        for env in ENVIRONMENTS:
            outputs = project.path / "data" / env
            for path in [path for pattern in KEPT for path in outputs.glob(pattern)]:
                target = kept / path.relative_to(project.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
            log = (outputs / "08_reporting/promotions.jsonl").read_text().splitlines()
            print(env, [json.loads(line)["action"] for line in log])  # noqa: T201


if __name__ == "__main__":
    main()
