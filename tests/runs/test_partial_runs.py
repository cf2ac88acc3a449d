"""What a part of a run starts from: there, of one run, and made from what conf says now."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog
from kedro.pipeline import Node, Pipeline

from tabular_lstm.errors import DataError
from tabular_lstm.runs.partial_runs import refuse_to_start_halfway
from tests.helpers.commands import here, message_of, succeeds
from tests.helpers.logs import run
from tests.helpers.once import Once
from tests.helpers.outputs import document
from tests.helpers.project import TINY, Project, declare

PROCESSING = ("run", "--pipelines", "data_processing")
TRAINING = ("run", "--pipelines", "reshaping,training,evaluation")
EVALUATION = ("run", "--pipelines", "reshaping,evaluation")
MODEL = ("06_models/candidate.keras", "06_models/history.json", "06_models/train_fingerprints.npz")
ROWS = ("03_primary/train_rows.parquet", "03_primary/test_rows.parquet")
HISTORY_ROWS, SUMMARY = "03_primary/history_rows.parquet", "03_primary/data_summary.json"
PINNED = ("candidate@network", "history", "train_fingerprints")
SALT = "split.salt was 'tabular-lstm' and is 'other'"


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


def moved_away(project: Project, *outputs: str, env: str = "") -> None:
    for output in outputs:
        shutil.rmtree(newest(project, output, env).parent)


def unchanged_and_refused(project: Project, *arguments: str) -> str:
    """Check that a command ends with one message and changes no output, and give the message."""
    before = project.files()
    said = message_of(here(*arguments))
    assert project.files() == before
    return said


# Another conf than the outputs were made from


def test_classes_that_were_swapped_since_rows_were_split_train_nothing(ran: Project) -> None:
    swapped = columns_of(ran, positive_class=0, negative_class=1)
    declare(ran, columns=swapped, **TINY)
    said = unchanged_and_refused(ran, *TRAINING)
    assert said == (
        f"data_summary of run {started(ran, SUMMARY)} was made from other conf: "
        "columns.positive_class was 1 and is 0. Set it back, or run all: kedro run."
    )


NO_PAIR = {"positive_class": None, "negative_class": None}
OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"label": "age", "bounds": {}}, "columns.label was 'diabetes' and is 'age'"),
    ({"key": "glucose", "bounds": {}, "missing": {}}, "columns.key was null and is 'glucose'"),
    ({"weight": "age", "bounds": {}}, "columns.weight was null and is 'age'"),
    ({"group": "age", "bounds": {}}, "columns.group was null and is 'age'"),
    ({"features": ["age", "bmi"]}, "columns.features was null and is ['age', 'bmi']"),
    ({"categorical": ["pregnancies"], "bounds": {}}, "columns.categorical was [] and is ['pre"),
    ({"dates": {"age": "%d.%m.%Y"}, "bounds": {}}, "columns.dates.age was null and is '%d.%m.%Y'"),
    ({"bounds": {"age": [0, 99]}}, "columns.bounds.pregnancies was [0.0, 20.0] and is null"),
    ({"missing": {}}, "columns.missing.glucose was [0] and is null"),
    ({"ignore": ["age"], "bounds": {}}, "columns.ignore was [] and is ['age']"),
    ({**NO_PAIR, "classes": [0, 1, 2]}, "columns.positive_class was 1 and is null"),
    ({**NO_PAIR, "task": "number"}, "columns.positive_class was 1 and is null"),
]


SPLITS: list[tuple[dict[str, Any], str]] = [
    ({"salt": "other"}, SALT),
    ({"test_fraction": 0.3}, "split.test_fraction was 0.2 and is 0.3"),
    ({"test_fraction": 0}, "split.test_fraction was 0.2 and is 0"),
]


@pytest.mark.long
def test_rows_that_were_split_with_other_columns_or_otherwise_are_refused(ran: Project) -> None:
    for changed, said in OTHERS:
        declare(ran, columns=columns_of(ran, **changed), **TINY)
        refused = unchanged_and_refused(ran, *TRAINING)
        assert f"data_summary of run {started(ran, SUMMARY)} was made from other conf" in refused
        assert said in refused
    for split, said in SPLITS:
        declare(ran, split=split, **TINY)
        assert said in unchanged_and_refused(ran, *TRAINING)


def test_histories_that_were_declared_since_rows_were_split_are_refused(ran: Project) -> None:
    """Also where the customers were the groups before, so that no other name of conf changes."""
    declare(ran, columns=columns_of(ran, group="age", bounds={}), **TINY)
    succeeds(here(*PROCESSING))
    history = {"of": "age", "order": "pregnancies"}
    declare(ran, columns=columns_of(ran, group="age", bounds={}, history=history), **TINY)
    said = unchanged_and_refused(ran, *TRAINING)
    assert "made from other conf: columns.history was null and is {'of': 'age', 'order'" in said
    succeeds(here(*PROCESSING))
    declare(ran, columns=columns_of(ran, group="age", bounds={}), **TINY)
    assert "columns.history was {'of': 'age'," in unchanged_and_refused(ran, *TRAINING)


def test_a_candidate_with_intervals_of_another_rate_is_not_judged(project: Project) -> None:
    number = columns_of(project, **NO_PAIR, task="number", label="age", bounds={})
    for before, after in ((0.9, 0.8), (0.8, 0.9)):
        declare(project, columns=number, **{**TINY, "training": {"epochs": 2, "coverage": before}})
        succeeds(here("run"))
        declare(project, columns=number, **{**TINY, "training": {"coverage": after}})
        said = unchanged_and_refused(project, *EVALUATION)
        assert f"made from other conf: training.coverage was {before} and is {after}." in said


def test_rows_of_another_file_or_number_format_are_refused(ran: Project) -> None:
    raw = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "data/01_raw/diabetes.csv"}
    others: list[tuple[dict[str, Any], str]] = [
        ({"filepath": "data/clinic.csv"}, ".filepath was 'diabetes.csv' and is 'clinic.csv'"),
        ({"load_args": {"decimal": ","}}, ".load_args.decimal was '.' and is ','"),
        ({"load_args": {"thousands": "_"}}, ".load_args.thousands was null and is '_'"),
        ({"load_args": {"encoding": "latin-1"}}, ".load_args.encoding was null and is 'latin-1'"),
    ]
    for entry, said in others:
        (ran.path / "conf/local/catalog.yml").write_text(json.dumps({"raw_rows": {**raw, **entry}}))
        assert f"raw_rows{said}" in unchanged_and_refused(ran, *TRAINING)


def test_columns_whose_names_were_exchanged_since_are_refused(ran: Project) -> None:
    declare(ran, **TINY)
    names = [*pd.read_csv(ran.raw, nrows=0)]
    entry = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "data/01_raw/diabetes.csv"}
    catalog = ran.path / "conf/local/catalog.yml"
    for listed, command in ((names, PROCESSING), ([*names[1::-1], *names[2:]], TRAINING)):
        given = {**entry, "load_args": {"header": 0, "names": listed}}
        catalog.write_text(json.dumps({"raw_rows": given}))
        if command is PROCESSING:
            succeeds(here(*command))
    said = unchanged_and_refused(ran, *TRAINING)
    assert f"raw_rows.load_args.names was ['{names[0]}', '{names[1]}'," in said


def test_a_candidate_that_was_made_otherwise_is_not_judged(ran: Project) -> None:
    others: list[tuple[dict[str, Any], str]] = [
        ({"reshaping": {"features_per_step": 4}}, "reshaping.features_per_step was null and is 4"),
        ({"network": {"kind": "tutorial"}}, "network.kind was 'ensemble' and is 'tutorial'"),
        (
            {"training": {"objective": {"kind": "f1"}}},
            "training.objective.kind was 'accuracy' and is 'f1'",
        ),
    ]
    for block, said in others:
        declare(ran, **{**TINY, **block})
        assert said in unchanged_and_refused(ran, *EVALUATION)


# Other rows than the outputs were made from


@pytest.mark.parametrize("output", ROWS)
def test_rows_that_were_edited_on_disk_are_refused(ran: Project, output: str) -> None:
    path, known, side = newest(ran, output), started(ran, SUMMARY), Path(output).stem
    rows = pd.read_parquet(path)
    third = rows.index == rows.index[3]
    for others in (
        rows.assign(age=rows["age"].mask(third, 30.5)),
        rows.assign(diabetes=rows["diabetes"].mask(third, 1 - rows["diabetes"])),
        rows.rename(columns={"age": "years"}),
        rows[1:],
        pd.concat([rows, rows[:1]]),
    ):
        others.to_parquet(path)
        for arguments in (TRAINING, EVALUATION):
            said = unchanged_and_refused(ran, *arguments)
            made = f"data_summary of run {known} was made from"
            assert said.startswith(f"{side} of run {known} are not the rows that {made} (SHA-256 ")


def add_rows(project: Project) -> None:
    rows = pd.read_csv(project.raw)
    pd.concat([rows, rows[:40].assign(age=rows["age"][:40] + 1)]).to_csv(project.raw, index=False)


@pytest.mark.long
def test_rows_of_a_backup_of_another_day_are_refused(ran: Project) -> None:
    declare(ran, **TINY)
    shutil.copytree(ran.path / "data/03_primary", ran.path / "backup")
    add_rows(ran)
    succeeds(here("run"))
    shutil.rmtree(ran.path / "data/03_primary")
    shutil.copytree(ran.path / "backup", ran.path / "data/03_primary")
    said = unchanged_and_refused(ran, *EVALUATION)
    made = f"candidate of run {started(ran, MODEL[0])} was made from"
    assert f"train_rows of run {started(ran, SUMMARY)} are not the rows that {made}" in said
    # Trained anew on these rows, all belongs together.
    succeeds(here(*TRAINING))


def test_a_copied_environment_with_other_conf_or_another_file_is_refused(ran: Project) -> None:
    for env, blocks in {"a": {}, "b": {"split": {"salt": "other"}}, "c": {}}.items():
        folder = ran.path / "conf" / env
        folder.mkdir()
        (folder / "parameters.yml").write_text(json.dumps({**TINY, **blocks}))
    raw = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "data/01_raw/clinic.csv"}
    (ran.path / "conf/c/catalog.yml").write_text(json.dumps({"raw_rows": raw}))
    succeeds(here("run", "--env", "a"))
    for env in "bc":
        shutil.copytree(ran.path / "data/a", ran.path / "data" / env)
    assert SALT in unchanged_and_refused(ran, *EVALUATION, "--env", "b")
    assert "run all: kedro run --env b" in message_of(here(*TRAINING, "--env", "b"))
    assert "is 'clinic.csv'" in unchanged_and_refused(ran, *EVALUATION, "--env", "c")


# Versions that do not belong together


def test_a_candidate_of_another_split_does_not_take_the_place_of_one_that_was_moved_away(
    twice: Project,
) -> None:
    first, second = (path.parent.name for path in twice.versions(MODEL[0]))
    moved_away(twice, MODEL[0])
    said = unchanged_and_refused(twice, *EVALUATION)
    assert f"different runs: candidate@network of {first}, history of {second}" in said
    assert "--load-versions candidate@network:RUN,history:RUN,train_fingerprints:RUN" in said
    moved_away(twice, *MODEL[1:])
    said = unchanged_and_refused(twice, *EVALUATION)
    assert f"candidate of run {first} was made from other conf: {SALT}" in said


@pytest.mark.long
def test_versions_of_two_runs_are_not_mixed_and_all_of_one_are_judged(twice: Project) -> None:
    metrics = twice.versions("08_reporting/metrics.json")
    before, other = (json.loads(path.read_text())["test"] for path in metrics)
    assert before != other
    first = twice.versions(MODEL[0])[0].parent.name
    for name in PINNED:
        said = unchanged_and_refused(twice, *EVALUATION, "--load-versions", f"{name}:{first}")
        assert "comes from different runs" in said
    pinned = ",".join(f"{name}:{first}" for name in PINNED)
    assert SALT in unchanged_and_refused(twice, *EVALUATION, "--load-versions", pinned)
    rows = ",".join(f"{Path(output).stem}:{first}" for output in (*ROWS, HISTORY_ROWS, SUMMARY))
    as_then = ("--params", "split.salt=tabular-lstm")
    said = unchanged_and_refused(twice, *EVALUATION, *as_then, "--load-versions", pinned)
    assert "data_summary of run" in said
    succeeds(here(*EVALUATION, *as_then, "--load-versions", f"{pinned},{rows}"))
    assert document(twice, "08_reporting/metrics.json")["test"] == before


def test_a_file_in_the_place_of_another_runs_is_known_by_what_it_carries(twice: Project) -> None:
    for output in MODEL:
        first, second = twice.versions(output)
        kept = second.read_bytes()
        shutil.copy(first, second)
        stem = Path(output).stem
        said = unchanged_and_refused(twice, *EVALUATION)
        assert f"{stem} of run {second.parent.name} was made from other conf: {SALT}" in said
        second.write_bytes(kept)
    succeeds(here(*EVALUATION))


@pytest.mark.parametrize("env", ["", pytest.param("tutorial", marks=pytest.mark.long)])
def test_a_candidate_of_another_training_on_the_same_rows_is_known_by_its_weights(
    ran: Project, env: str
) -> None:
    """Also of the tutorial's network, whose file says nothing."""
    declare(ran, **TINY)
    of_env = ("--env", env) if env else ()
    few = "training.epochs=2,evaluation.bootstrap_resamples=100"
    for seed in range(2 if env else 1):
        succeeds(here("run", *of_env, "--params", f"training.seed={seed + 3},{few}"))
    first, second = ran.versions(MODEL[0], env)
    kept = second.read_bytes()
    shutil.copy(first, second)
    said = message_of(here(*EVALUATION, *of_env))
    assert said.startswith("candidate: the history belongs to another network (SHA-256")
    second.write_bytes(kept)
    succeeds(here(*EVALUATION, *of_env))


def test_a_version_that_the_run_would_not_load_is_refused(ran: Project) -> None:
    """Which Kedro passes over in silence, also where there is no such version."""
    first, gone = started(ran, SUMMARY), "2020-01-01T00.00.00.000Z"
    declare(ran, **TINY)
    for version in (first, gone):
        said = unchanged_and_refused(ran, "run", "--load-versions", f"train_rows:{version}")
        assert said.startswith(f"--load-versions train_rows:{version}: expected an entry that the")
        assert "this run makes it itself. From earlier runs it reads none." in said
        pinned = f"train_rows:{version},candidate@file:{version}"
        said = unchanged_and_refused(ran, *TRAINING, "--load-versions", pinned)
        assert f"candidate@file:{version}: expected" in said
        assert "makes it itself. From earlier runs it reads data_summary, history_rows, te" in said
        pin = f"candidate@network:{version}"
        said = unchanged_and_refused(ran, "run", "--pipelines", "scoring", "--load-versions", pin)
        assert "this run does not read it. From earlier runs it reads none." in said


@pytest.mark.long
def test_the_tutorials_network_whose_file_says_nothing_is_known_by_its_history(
    project: Project,
) -> None:
    env = ("--env", "tutorial")
    declare(project, **{"training": {"epochs": 2}, "evaluation": TINY["evaluation"]})
    succeeds(here("run", *env))
    succeeds(here(*EVALUATION, *env))
    conf = project.path / "conf/tutorial/parameters.yml"
    read = yaml.safe_load(conf.read_text())
    conf.write_text(json.dumps({**read, "split": {**read.get("split", {}), "salt": "other"}}))
    said = unchanged_and_refused(project, *EVALUATION, *env)
    assert SALT in said
    succeeds(here("run", *env))
    moved_away(project, MODEL[0], env="tutorial")
    assert "comes from different runs" in unchanged_and_refused(project, *EVALUATION, *env)


# Runs that start where nothing says what was made from what


def test_an_output_of_an_earlier_version_asks_for_one_whole_run(ran: Project) -> None:
    declare(ran, **TINY)
    for output in (MODEL[1], SUMMARY):
        path = newest(ran, output)
        read = json.loads(path.read_text())
        del read["lineage"]
        path.write_text(json.dumps(read))
        said = unchanged_and_refused(ran, *EVALUATION)
        made = f"{path.stem} of run {path.parent.name}"
        assert said.startswith(f"{made}: expected what it was made from, which earlier versions")
        assert said.endswith("Run all once: kedro run.")


def test_no_run_starts_within_an_evaluation(ran: Project) -> None:
    declare(ran, **TINY)
    left_out = "predict_with_candidate", "predict_with_baselines", "measure_importance"
    nodes = [
        *(f"reshaping.split_{side}_features_from_label" for side in ("train", "test")),
        *(f"reshaping.reshape_{side}_features" for side in ("train", "test")),
        "reshaping.learn_schema",
        *(f"evaluation.{name}" for name in ("choose_evaluated_set", "evaluate", "draw_figures")),
    ]
    assert not {*nodes} & {*left_out}
    said = unchanged_and_refused(ran, "run", "--nodes", ",".join(nodes))
    assert said.startswith(
        "baseline_predictions, candidate_predictions, permutation_importance: no"
    )


def test_rows_are_not_split_anew_for_a_candidate_of_others(ran: Project) -> None:
    declare(ran, **TINY)
    add_rows(ran)
    said = unchanged_and_refused(ran, "run", "--pipelines", "data_processing,reshaping,evaluation")
    assert said.startswith("candidate, history, train_fingerprints: made from rows that were split")


# What goes on working


def test_parts_of_a_run_give_what_the_whole_run_gives(ran: Project) -> None:
    """Also where rows were added to the raw file in between."""
    whole = document(ran, "08_reporting/metrics.json")
    declare(ran, **TINY)
    succeeds(here(*PROCESSING))
    add_rows(ran)
    succeeds(here(*TRAINING))
    parts = document(ran, "08_reporting/metrics.json")
    assert {**parts, "run_id": whole["run_id"]} == whole


def test_an_evaluation_alone_takes_another_seed_and_other_training_parameters(ran: Project) -> None:
    before = document(ran, "08_reporting/metrics.json")
    changed = {"evaluation": {**TINY["evaluation"], "seed": 7}, "training": {"seed": 3}}
    declare(ran, **{**TINY, **changed})
    succeeds(here(*EVALUATION))
    after = document(ran, "08_reporting/metrics.json")
    assert after["test"]["roc_auc"] == before["test"]["roc_auc"]
    assert after["test"]["interval"] != before["test"]["interval"]


@pytest.mark.long
def test_rows_in_another_order_on_disk_are_the_same_rows(ran: Project) -> None:
    declare(ran, **TINY)
    path = newest(ran, ROWS[0])
    rows = pd.read_parquet(path)
    rows.iloc[np.random.default_rng(0).permutation(len(rows))].to_parquet(path)
    succeeds(here(*TRAINING))


@pytest.mark.long
def test_a_run_of_missing_outputs_alone_is_a_whole_run(ran: Project) -> None:
    declare(ran, split={"salt": "other"}, **TINY)
    succeeds(here("run", "--only-missing-outputs"))
    made = document(ran, SUMMARY)["lineage"]
    assert made["conf"]["split"]["salt"] == "other"
    assert document(ran, MODEL[1])["lineage"]["train_rows"] == made["train_rows"]


# Which version a run continues from

LATER = "2036-01-01T00.00.00.000Z"
NOW = run("m")


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    """Rows of two sides, of which no version is there."""
    names = {"train_rows": "train.json", "test_rows": "test.json"}
    entry = {"type": "json.JSONDataset", "versioned": True}
    entries = {name: {**entry, "filepath": str(tmp_path / file)} for name, file in names.items()}
    return DataCatalog.from_config(entries, load_versions={"test_rows": run("b")})


def started_from(tmp_path: Path, catalog: DataCatalog, now: str, *versions: str) -> None:
    """Write versions of both sides, and start a pipeline from them."""
    for file in ("train.json", "test.json"):
        for version in versions:
            path = tmp_path / file / version / file
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(version))
    pipeline = Pipeline([Node(lambda *rows: None, ["train_rows", "test_rows"], None, name="start")])
    refuse_to_start_halfway(pipeline, catalog, "kedro run", now)


@pytest.mark.parametrize("last", [LATER, "my copy"])
def test_a_version_dated_after_now_or_of_no_run_is_refused(
    tmp_path: Path, catalog: DataCatalog, last: str
) -> None:
    with pytest.raises(DataError) as refused:
        started_from(tmp_path, catalog, NOW, run("b"), last)
    assert f"train_rows: the last version by name, {last}, is not of a run until now" in str(
        refused.value
    )
    assert f"--load-versions train_rows:{last}" in str(refused.value)


def test_rows_of_different_runs_are_refused(tmp_path: Path, catalog: DataCatalog) -> None:
    with pytest.raises(DataError, match="comes from different runs"):
        started_from(tmp_path, catalog, NOW, run("a"), run("b"), run("c"))
