"""A clock that was ahead, or is behind: no run loses its own outputs, or takes the wrong ones."""

import json
import shutil

import pandas as pd
import pytest

from tests.helpers.champions import assert_settled, log_of
from tests.helpers.commands import RETRAINING, here, message_of, seed, succeeds
from tests.helpers.project import Project
from tests.helpers.scorings import SCORING, finished, folder_of, predictions_of

LATER = [f"2036-01-{day:02}T00.00.00.000Z" for day in range(1, 11)]


def run_in_2036(project: Project) -> None:
    """Leave what ten runs leave whose clock was ahead: copies of a run, of which no row is left."""
    (run,) = (line["run_id"] for line in log_of(project))
    data = project.path / "data"
    for version in [*data.glob(f"0*/*/{run}"), data / ".runs" / run]:
        for name in LATER:
            copy = shutil.copytree if version.is_dir() else shutil.copy
            copy(version, version.with_name(name))
    for rows in data.glob("03_primary/*_rows.parquet/2036*/*.parquet"):
        pd.read_parquet(rows).iloc[:0].to_parquet(rows)


def test_a_retraining_after_a_clock_that_was_ahead_keeps_its_own_outputs(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    run_in_2036(served)
    succeeds(here(*RETRAINING, *seed(5)))
    assert f"outputs of runs that began later: {', '.join(LATER)}. They count as" in caplog.text
    runs = [line["run_id"] for line in log_of(served)]
    for output in ("06_models/candidate.keras", "08_reporting/report.html"):
        kept = [version.parent.name for version in served.versions(output)]
        assert kept == [*runs, *LATER[-8:]]
    assert_settled(served)


def test_a_run_that_continues_from_files_takes_none_of_the_future(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    run_in_2036(served)
    (first,) = (line["run_id"] for line in log_of(served))
    succeeds(here("run", "--pipelines", "reshaping,evaluation"))
    assert f"train_rows: the last version by name, {LATER[-1]}, is dated after" in caplog.text
    metrics = {path.parent.name: path for path in served.versions("08_reporting/metrics.json")}
    judged, before = (json.loads(path.read_text()) for path in list(metrics.values())[:2][::-1])
    assert judged["run_id"] != first
    assert judged["data"] == before["data"]


def test_with_a_clock_that_is_behind_nothing_of_the_future_is_taken_unasked(
    served: Project,
) -> None:
    (first,) = (line["run_id"] for line in log_of(served))
    for version in (served.path / "data").glob(f"0*/*/{first}"):
        version.rename(version.with_name(LATER[0]))
    message = message_of(here("run", "--pipelines", "reshaping,evaluation"))
    assert f"the last version by name, {LATER[0]}, is dated after now" in message
    assert f":{LATER[0]}. If the clock is wrong, set it." in message


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
    caplog.clear()
    assert set(predictions_of(served)["run_id"]) == {newest}
    assert f"Loaded is {newest}. It is 2" in caplog.text
    assert f"predictions of runs that began later: {LATER[0]}. They count as" in caplog.text
