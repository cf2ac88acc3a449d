"""A clock that was ahead, or is behind: no run loses its own outputs, or takes the wrong ones."""

import shutil

import pandas as pd
import pytest

from tests.helpers.champions import assert_settled, log_of
from tests.helpers.commands import RETRAINING, here, seed, succeeds
from tests.helpers.project import Project
from tests.helpers.scorings import SCORING, finished, folder_of, predictions_of

LATER = [f"2036-01-{day:02}T00.00.00.000Z" for day in range(1, 11)]


def run_in_2036(project: Project) -> None:
    """Leave what ten runs leave whose clock was ahead: copies of a run, of which no row is left."""
    (run,) = (line["run_id"] for line in log_of(project))
    data = project.path / "data"
    for version in data.glob(f"0*/*/{run}"):
        for name in LATER:
            shutil.copytree(version, version.with_name(name))
    for rows in data.glob("03_primary/*_rows.parquet/2036*/*.parquet"):
        pd.read_parquet(rows).iloc[:0].to_parquet(rows)


def test_a_retraining_after_a_clock_that_was_ahead_keeps_its_own_outputs(
    served: Project,
) -> None:
    run_in_2036(served)
    succeeds(here(*RETRAINING, *seed(5)))
    runs = [line["run_id"] for line in log_of(served)]
    for output in ("06_models/candidate.keras", "08_reporting/report.html"):
        kept = [version.parent.name for version in served.versions(output)]
        assert kept == [*runs, *LATER[-9:]]
    assert_settled(served)


def test_predictions_of_a_clock_that_was_ahead_hide_no_later_ones(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    succeeds(here(*SCORING))
    (first,) = finished(served)
    ahead = folder_of(served) / LATER[0]
    shutil.copytree(folder_of(served) / first["run_id"], ahead)
    manifest = ahead / "manifest.json"
    manifest.write_text(manifest.read_text().replace(first["run_id"], LATER[0]))

    # The run of today is named, whose outputs are all there.
    succeeds(here(*SCORING))
    assert f"Unchanged: rows, champion, parameters and code are those of run {first['run_id']}" in (
        caplog.text
    )
    succeeds(here(*SCORING, "--params", "scoring.force=true"))
    newest = finished(served)[1]["run_id"]
    assert first["run_id"] < newest < LATER[0]
    assert set(predictions_of(served)["run_id"]) == {newest}
