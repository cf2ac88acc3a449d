"""Rows without a label, in a retraining and in a scoring: as if they were not there, and scored."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.commands import RETRAINING, here, succeeds
from tests.helpers.project import TINY, Project, declare
from tests.helpers.scorings import SCORING, finished, predictions_of, rows_at

DATA_PROCESSING = ("run", "--pipelines", "data_processing")


def with_unlabelled(project: Project) -> int:
    """Put twice as many rows without a label between the others, some not readable at all."""
    rows = pd.read_csv(project.raw, dtype=str, keep_default_na=False)
    more = pd.concat([rows, rows], ignore_index=True).assign(diabetes="", age="77")
    more.loc[::10, ["glucose", "age"]] = ["high", "-3"]
    more.loc[::3, "diabetes"] = "NA"
    whole = pd.concat([rows, more], ignore_index=True)
    # The labelled rows stay in their order.
    at = np.sort(np.random.default_rng(0).choice(len(whole), len(rows), replace=False))
    places = np.full(len(whole), -1)
    places[at] = np.arange(len(rows))
    places[places < 0] = np.arange(len(rows), len(whole))
    whole.iloc[places].to_csv(project.raw, index=False)
    return len(more)


@pytest.mark.long
def test_a_retraining_judges_as_if_they_were_not_there(
    served: Project, caplog: pytest.LogCaptureFixture
) -> None:
    before = {side: served.rows(side) for side in ("train", "test")}
    first, decision = served.metrics(), decision_of(served)
    count = with_unlabelled(served)
    caplog.set_level("INFO")
    succeeds(here(*RETRAINING))
    for side, rows in before.items():
        pd.testing.assert_frame_equal(
            served.rows(side).reset_index(drop=True), rows.reset_index(drop=True)
        )
    again, newest = served.metrics(), decision_of(served)
    assert newest["action"] == "promoted"
    assert newest["served_before"] == decision["run_id"]
    judgement, then = newest["judgement"], decision["judgement"]
    assert judgement["champions"][0]["not_compared"] is None
    assert judgement["candidate"] == then["candidate"]
    assert (judgement["drift"]["rows"], decision["judgement"].get("drift")) == (768, None)
    assert "unlabelled_rows" not in then["data"]
    assert judgement["data"]["unlabelled_rows"] == again["data"]["unlabelled_rows"] == count
    assert {**again["data"], **first["data"]} == {**first["data"], "unlabelled_rows": count}
    assert judgement["checks"][0]["sentence"].startswith("0.0 % of 768 labelled rows quarantined")
    assert f"{768 + count} rows, 768 valid, 0 quarantined, {count} unlabelled" in caplog.text
    page = served.versions("08_reporting/report.html")[-1].read_text()
    assert re.search(rf"Unlabelled rows</th><td [^>]*>{count}<", page)


def decision_of(project: Project) -> dict[str, Any]:
    return json.loads(project.versions("08_reporting/decision.json")[-1].read_text())


def test_they_are_scored(served: Project) -> None:
    rows = pd.read_csv(served.raw, dtype=str)
    rows.loc[::2, "diabetes"] = ["", "NA"] * 192
    path = served.path / "mixed.csv"
    rows.to_csv(path, index=False)
    succeeds(here(*SCORING, *rows_at(path)))
    (manifest,) = finished(served)
    assert (manifest["scored_rows"], manifest["quarantined_rows"]) == (768, 0)
    assert predictions_of(served)["probability"].notna().all()


def test_most_rows_without_a_label_pass_and_the_guard_still_guards(project: Project) -> None:
    """The profile of such a table raises no limit, and its run sets none of these rows aside."""
    with_unlabelled(project)
    rows = pd.read_csv(project.raw, dtype=str, keep_default_na=False)
    path = project.path / "few.csv"
    rows.to_csv(path, index=False)
    page = succeeds(here("profile", "few.csv", "--env", "few"))
    assert "1536 unlabelled, left out" in page
    succeeds(here(*DATA_PROCESSING, "--env", "few"))
    summary = project.versions("03_primary/data_summary.json", "few")[-1]
    data = json.loads(summary.read_text())
    assert (data["unlabelled_rows"], data["quarantined_rows"]) == (1536, 0)

    labelled = np.flatnonzero(rows["diabetes"].isin(["0", "1"]))[:60]
    rows.loc[labelled, "pregnancies"] = "many"
    rows.to_csv(path, index=False)
    declare(project, **TINY)
    ended = here(*DATA_PROCESSING, "--env", "few")
    assert ended.returncode == 1
    assert "60 of 768 labelled rows were quarantined, more than" in ended.stderr
