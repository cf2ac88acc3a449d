"""Retrainings in a row on data that grow, are reordered and corrected: what stays, what is kept."""

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.runs import output_folders
from tests.helpers.champions import assert_settled, champion_of, log_of, on_disk
from tests.helpers.commands import RETRAINING, ROLLBACK, here, succeeds
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.tables import LABEL

FIRST, ADDED, CORRECTED = 500, 25, 2
CHAMPIONS = 2
USELESS = {"epochs": 1, "learning_rate": 1e-9}


def sides_of(project: Project, features: list[str]) -> dict[tuple[float, ...], str]:
    """The side of each row of the newest run, by its features."""
    return {
        tuple(row): side
        for side in ("train", "test")
        for row in project.rows(side)[features].fillna(-1).to_numpy().tolist()
    }


def runs_kept(project: Project) -> dict[str, set[str]]:
    """The run ids that are kept of each output but for decisions."""
    outputs = [p for p in (project.path / "data").glob("0[2-8]*/*") if p.is_dir()]
    return {
        output.name: {version.name for version in output.iterdir()}
        for output in outputs
        if output.name != "decision.json"
    }


def decisions_of(project: Project) -> dict[str, Any]:
    """Every decision.json, by run id."""
    return {
        path.parent.name: json.loads(path.read_text())
        for path in project.versions("08_reporting/decision.json")
    }


def test_retrainings_in_a_row_keep_rows_on_their_sides_all_decisions_and_few_files(
    quick: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last runs train for nothing, so that champions are older than the newest candidates."""
    monkeypatch.setattr(output_folders, "AT_LEAST", timedelta(0))  # else a day
    runs, candidates = 6, 2
    kept = {"keep_candidates": candidates, "keep_champions": CHAMPIONS}
    all_rows = pd.read_csv(quick.raw).drop_duplicates()
    rng = np.random.default_rng(7)
    features = [name for name in all_rows if name != LABEL]
    seen: dict[tuple[float, ...], str] = {}
    for number in range(runs):
        count = FIRST + ADDED * number
        corrected = rng.choice(count, CORRECTED, replace=False)
        all_rows.iloc[corrected, -1] = 1 - all_rows.iloc[corrected, -1]
        rows = all_rows[:count].sample(frac=1, random_state=number)
        rows.to_csv(quick.raw, index=False)
        training = QUICK["training"] if number < runs - candidates else USELESS
        declare(quick, **{**QUICK, "training": training, "promotion": QUICK["promotion"] | kept})

        succeeds(here(*RETRAINING))
        sides = sides_of(quick, features)
        assert len(sides) == count
        assert {row: seen[row] for row in seen} == {row: sides[row] for row in seen}
        seen = sides
        most = max(len(runs) for runs in runs_kept(quick).values())
        assert most <= min(number + 1, candidates + CHAMPIONS)
        assert_settled(quick)

    lines = log_of(quick)
    promotions, rejections = lines[:-candidates], lines[-candidates:]
    assert {line["action"] for line in promotions} == {"promoted"}
    assert {line["action"] for line in rejections} == {"rejected"}
    decisions = decisions_of(quick)
    assert decisions.keys() == {line["run_id"] for line in lines}
    assert len(lines) == len({line["inputs"]["data"] for line in lines}) == runs
    for line in lines:
        decision = decisions[line["run_id"]]
        assert (decision["action"], decision["reason"]) == (line["action"], line["reason"])
        assert decision["judgement"]["inputs"] == line["inputs"]

    left = {line["run_id"] for line in (*promotions[-CHAMPIONS:], *rejections)}
    by_output = runs_kept(quick)
    assert set(by_output) >= {"candidate.keras", "train_rows.parquet", "report.html"}
    for output, run_ids in by_output.items():
        assert run_ids == left, output

    before, last = promotions[-2:]
    assert on_disk(quick) == last["sha256"]
    succeeds(here(*ROLLBACK))
    assert on_disk(quick) == before["sha256"]
    assert champion_of(quick).network.calibration.threshold > 0
    assert log_of(quick)[-1]["serves_now"] == before["run_id"]
    assert_settled(quick)
