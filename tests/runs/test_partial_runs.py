"""What a part of a run starts from: the outputs of one run, of the same conf, raw file and rows."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.helpers.commands import here, message_of, succeeds
from tests.helpers.once import Once
from tests.helpers.outputs import document
from tests.helpers.project import TINY, Project, declare

PROCESSING = ("run", "--pipelines", "data_processing")
TRAINING = ("run", "--pipelines", "reshaping,training,evaluation")
EVALUATION = ("run", "--pipelines", "reshaping,evaluation")
MODEL = ("06_models/candidate.keras", "06_models/history.json", "06_models/train_fingerprints.npz")
ROWS = ("03_primary/train_rows.parquet", "03_primary/test_rows.parquet")
SUMMARY = "03_primary/data_summary.json"
INPUTS = (
    "candidate@file",
    "candidate@network",
    "data_summary",
    "history",
    "history_rows",
    "test_rows",
    "train_fingerprints",
    "train_rows",
)
METRICS = "08_reporting/metrics.json"


@pytest.fixture
def twice(ran: Project, once: Once) -> Project:
    """A project after a second run, with another salt."""
    declare(ran, split={"salt": "other"}, **TINY)
    return once("twice", ran, lambda: succeeds(here("run")))


def columns_of(project: Project, **changed: Any) -> dict[str, Any]:
    """The block `columns` of the base environment, with some values changed."""
    conf = project.path / "conf/base/parameters_data_processing.yml"
    return {**yaml.safe_load(conf.read_text())["columns"], **changed}


def newest(project: Project, output: str, env: str = "") -> Path:
    return project.versions(output, env)[-1]


def started(project: Project, output: str, env: str = "") -> str:
    """The run id of the newest version."""
    return newest(project, output, env).parent.name


def unchanged_and_refused(project: Project, *arguments: str) -> str:
    """Check that a command ends with one message and changes no output, and give the message."""
    before = project.files()
    said = message_of(here(*arguments))
    assert project.files() == before
    return said


# Other conf, other data


def test_after_any_change_of_conf_a_part_is_refused(ran: Project) -> None:
    columns = columns_of(ran)
    history = {"of": "age", "order": "pregnancies"}
    for change in (
        {"columns": {**columns, "positive_class": 0, "negative_class": 1}},
        {"columns": {**columns, "ignore": ["age"], "bounds": {}}},
        {"columns": {**columns, "bounds": {}, "history": history}},
        {"split": {"salt": "other"}},
        {"reshaping": {"features_per_step": 4}},
        {"network": {"kind": "tutorial"}},
        {"training": {"epochs": 2, "objective": {"kind": "f1"}}},
        {"evaluation": {**TINY["evaluation"], "seed": 7}},
    ):
        declare(ran, **{**TINY, **change})
        said = unchanged_and_refused(ran, *EVALUATION)
        assert said == (
            f"The outputs of run {started(ran, SUMMARY)} cannot be continued: conf has changed "
            "since. Set it back, or run all: kedro run."
        )
    # What cannot change a decision is no change.
    declare(ran, **TINY, mlflow={"experiment": "other"}, engine={"kind": "local"})
    succeeds(here(*EVALUATION))


def test_another_way_to_read_the_rows_is_a_change_of_conf(ran: Project) -> None:
    declare(ran, **TINY)
    raw = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "data/01_raw/diabetes.csv"}
    for entry in ({"filepath": "data/clinic.csv"}, {"load_args": {"decimal": ","}}):
        (ran.path / "conf/local/catalog.yml").write_text(json.dumps({"raw_rows": {**raw, **entry}}))
        assert "conf has changed" in unchanged_and_refused(ran, *TRAINING)


def test_after_rows_were_added_to_the_raw_file_a_part_is_refused(ran: Project) -> None:
    declare(ran, **TINY)
    rows = pd.read_csv(ran.raw)
    pd.concat([rows, rows[:1]]).to_csv(ran.raw, index=False)
    for arguments in (TRAINING, EVALUATION):
        said = unchanged_and_refused(ran, *arguments)
        assert "the raw rows, diabetes.csv, have changed since. Put them back, or run all" in said


@pytest.mark.parametrize("output", ROWS)
def test_rows_that_were_edited_on_disk_are_refused(ran: Project, output: str) -> None:
    declare(ran, **TINY)
    path, side = newest(ran, output), Path(output).stem
    rows = pd.read_parquet(path)
    third = rows.index == rows.index[3]
    for edited_rows in (
        rows.assign(age=rows["age"].mask(third, 30.5)),
        rows.assign(diabetes=rows["diabetes"].mask(third, 1 - rows["diabetes"])),
        rows.rename(columns={"age": "years"}),
        rows[1:],
        pd.concat([rows, rows[:1]]),
    ):
        edited_rows.to_parquet(path)
        said = unchanged_and_refused(ran, *EVALUATION)
        assert f"its {side} have changed on disk since. Put the file back" in said


def test_a_copied_environment_is_continued_with_the_same_conf_alone(ran: Project) -> None:
    for env, blocks in {"a": {}, "b": {"split": {"salt": "other"}}, "c": {}}.items():
        folder = ran.path / "conf" / env
        folder.mkdir()
        (folder / "parameters.yml").write_text(json.dumps({**TINY, **blocks}))
    succeeds(here("run", "--env", "a"))
    for env in "bc":
        shutil.copytree(ran.path / "data/a", ran.path / "data" / env)
    said = unchanged_and_refused(ran, *EVALUATION, "--env", "b")
    assert said.endswith("conf has changed since. Set it back, or run all: kedro run --env b.")
    succeeds(here(*EVALUATION, "--env", "c"))


# Other runs


def test_outputs_of_two_runs_are_not_mixed_and_those_of_a_named_run_are_judged(
    twice: Project,
) -> None:
    first, second = (path.parent.name for path in twice.versions(MODEL[0]))
    before = json.loads(twice.versions(METRICS)[0].read_text())["test"]
    shutil.rmtree(newest(twice, MODEL[0]).parent)
    said = unchanged_and_refused(twice, *EVALUATION)
    assert f"candidate@network of {first}, data_summary of {second}, history of" in said
    assert f"--load-versions {','.join(f'{name}:RUN' for name in INPUTS)}, or run all" in said
    pins = ("--load-versions", ",".join(f"{name}:{first}" for name in INPUTS))
    assert "conf has changed since" in unchanged_and_refused(twice, *EVALUATION, *pins)
    declare(twice, **TINY)
    succeeds(here(*EVALUATION, *pins))
    assert document(twice, METRICS)["test"] == before


@pytest.mark.parametrize("env", ["", pytest.param("tutorial", marks=pytest.mark.long)])
def test_a_candidate_in_the_place_of_another_runs_is_known_by_its_weights(
    ran: Project, env: str
) -> None:
    """Also of the tutorial's network, whose file says nothing."""
    of_env = ("--env", env) if env else ()
    few = "training.epochs=2,evaluation.bootstrap_resamples=100"
    params = [("--params", f"training.seed={seed},{few}") for seed in (3, 4)]
    for arguments in params:
        succeeds(here("run", *of_env, *arguments))
    *_, first, second = ran.versions(MODEL[0], env)
    kept = second.read_bytes()
    shutil.copy(first, second)
    said = message_of(here(*EVALUATION, *of_env, *params[1]))
    assert said.startswith("candidate: the history belongs to another network (SHA-256")
    second.write_bytes(kept)
    succeeds(here(*EVALUATION, *of_env, *params[1]))


def test_a_version_that_the_run_would_not_load_is_refused(ran: Project) -> None:
    """Which Kedro passes over in silence, also where there is no such version."""
    first, gone = started(ran, SUMMARY), "2020-01-01T00.00.00.000Z"
    declare(ran, **TINY)
    for version in (first, gone):
        said = unchanged_and_refused(ran, "run", "--load-versions", f"train_rows:{version}")
        assert said.startswith(f"--load-versions train_rows:{version}: expected an entry that this")
        assert "from an earlier run: it reads none. Leave" in said
        pinned = f"train_rows:{version},candidate@file:{version}"
        said = unchanged_and_refused(ran, *TRAINING, "--load-versions", pinned)
        assert f"candidate@file:{version}: expected" in said
        assert "earlier run: data_summary, history_rows, test_rows, train_rows." in said
        pin = f"candidate@network:{version}"
        said = unchanged_and_refused(ran, "run", "--pipelines", "scoring", "--load-versions", pin)
        assert "it reads none" in said


def test_an_output_of_an_earlier_version_asks_for_one_whole_run(ran: Project) -> None:
    """Version 0.1.0 wrote blocks of conf."""
    declare(ran, **TINY)
    path = newest(ran, SUMMARY)
    read = json.loads(path.read_text())
    del read["lineage"]["parameters"]
    for lineage in (None, {**read["lineage"], "conf": {"columns": {"label": "diabetes"}}}):
        path.write_text(json.dumps({**read, "lineage": lineage}))
        said = unchanged_and_refused(ran, *EVALUATION)
        assert "an earlier version did not write down their conf" in said
        assert said.endswith("or run all: kedro run.")


def test_rows_are_not_split_anew_for_a_candidate_of_an_earlier_run(ran: Project) -> None:
    declare(ran, **TINY)
    said = unchanged_and_refused(ran, "run", "--pipelines", "data_processing,reshaping,evaluation")
    assert said.startswith(
        "candidate@file, candidate@network, history, train_fingerprints: of an earlier run"
    )


# What goes on working


def test_parts_of_a_run_give_what_the_whole_run_gives(ran: Project) -> None:
    whole = document(ran, METRICS)
    declare(ran, **TINY)
    succeeds(here(*PROCESSING))
    succeeds(here(*TRAINING))
    parts = document(ran, METRICS)
    assert {**parts, "run_id": whole["run_id"]} == whole


@pytest.mark.long
def test_a_run_of_missing_outputs_alone_is_a_whole_run(ran: Project) -> None:
    declare(ran, split={"salt": "other"}, **TINY)
    succeeds(here("run", "--only-missing-outputs"))
    assert [len(ran.versions(output)) for output in (*ROWS, *MODEL, METRICS)] == [2] * 6
