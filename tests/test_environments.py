"""An environment has outputs of its own, and a name that is no path; those shipped work."""

import json
from typing import Any

import pandas as pd
import pytest

from tabular_lstm.environments import output_folder, refuse_no_name
from tabular_lstm.errors import DataError
from tests.helpers.commands import here, succeeds
from tests.helpers.project import ROOT, Project
from tests.helpers.scorings import finished, predictions_of

SMALL: dict[str, Any] = {
    "network": {"ensemble": {"members": 4}},
    "evaluation": {"bootstrap_resamples": 100, "importance_repeats": 1},
}


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        (None, "data"),
        ("base", "data"),
        ("local", "data"),
        ("tutorial", "data/tutorial"),
        ("another", "data/another"),
    ],
)
def test_an_environment_has_a_folder_of_its_own(env: str | None, folder: str) -> None:
    assert output_folder(env) == folder


@pytest.mark.parametrize(
    "env", ["../other", "/tmp", "a b", "01_raw", "-x", ".hidden", "a;b", "a\nb", "conf/", ".."]
)
def test_a_path_is_no_environment(env: str) -> None:
    with pytest.raises(DataError, match="expected the name of a folder in conf, of letters"):
        refuse_no_name(env, "conf")


@pytest.mark.parametrize("env", [None, "base", "local", "tutorial", "north.2", "wine_red"])
def test_a_name_is_one(env: str | None) -> None:
    refuse_no_name(env, "conf")


@pytest.mark.long
def test_storms_go_from_the_profile_to_reasons_with_no_hand_edit(project: Project) -> None:
    """The shipped environment is what is written, byte for byte; small networks serve by it."""
    profiled = ("profile", "data/01_raw/storms.csv", "--env", "storms", "--force")
    succeeds(here(*profiled))
    for name in ("catalog.yml", "parameters.yml"):
        shipped, written = (of / "conf/storms" / name for of in (ROOT, project.path))
        assert written.read_bytes() == shipped.read_bytes()

    project.run("retraining", env="storms", training={"epochs": 20}, **SMALL)

    decision = json.loads(project.versions("08_reporting/decision.json", "storms")[-1].read_text())
    assert decision["action"] == "promoted", decision["reason"]
    metrics = project.metrics("storms")
    data = {name: metrics["data"][name] for name in ("rows", "unlabelled_rows", "quarantined_rows")}
    assert data == {"rows": 2107, "unlabelled_rows": 290, "quarantined_rows": 0}
    assert metrics["test"]["rmse"] < metrics["baselines"]["mean"]["rmse"] / 1.5
    project.run("scoring", env="storms", scoring={"reasons": 2})
    (manifest,) = finished(project, "storms")
    names = ("rows", "scored_rows", "history_rows", "quarantined_rows")
    assert [manifest[name] for name in names] == [47, 12, 35, 0]
    rows = pd.read_csv(project.path / "data/01_raw/storms_to_score.csv")
    predictions = predictions_of(project, "storms").set_index("row")
    last = rows.set_axis(rows.index + 1).groupby("storm").tail(1)
    assert predictions["storm"].loc[last.index].tolist() == last["storm"].tolist()
    of_a_row = r"(latitude|longitude|status|wind|pressure|date, since the row before)"
    reasons = pd.concat([predictions["reason_1"], predictions["reason_2"]])
    assert reasons.str.fullmatch(of_a_row + r"(, \d rows? before)?").all()
    assert reasons.str.endswith("before").any()
