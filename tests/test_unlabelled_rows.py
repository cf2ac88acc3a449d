"""Rows without a label in a retraining: as if they were not there."""

import json

import numpy as np
import pandas as pd

from tests.helpers.commands import here, succeeds
from tests.helpers.project import TINY, Project, declare

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
