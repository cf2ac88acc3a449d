"""Several models in one environment: a run of each, one command for all, and an overview."""

import fcntl
import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.framework.session import KedroSession

from tabular_lstm.errors import DataError
from tabular_lstm.exit_codes import TRY_LATER
from tabular_lstm.runs.every_model import errors_of, failed
from tabular_lstm.runs.models import rows_of_no_model
from tabular_lstm.serving.champion import load_champion
from tests.helpers.commands import UNTRUSTED, here, logged, message_of, succeeds
from tests.helpers.documents import run_blocks
from tests.helpers.notifications import lines, to
from tests.helpers.pages import Parsed
from tests.helpers.processes import group_of, started, wait_until
from tests.helpers.project import QUICK, Project

ENTRY = {
    "type": "tabular_lstm.datasets.RawRowsDataset",
    "where": {"store": "${model:value}"},
}
COLUMNS = {"label": "sold", "positive_class": "yes", "negative_class": "no"}
COLUMNS |= {"ignore": ["store"], "known_in_time": ["price"]}


def rows_of(store: str) -> pd.DataFrame:
    """Rows of a store, of which a tiny network learns the label and a straight line does not."""
    rng = np.random.default_rng(sum(map(ord, store)))
    price, size, age = rng.uniform(0, 100, (3, 400)).round(4)
    sold = (np.abs(price - 50) < 25) ^ (rng.random(400) < 0.03)
    answers = np.where(sold, "yes", "no")
    return pd.DataFrame({"store": store, "price": price, "size": size, "age": age, "sold": answers})


def stores(project: Project, models: list[str] | dict[str, str]) -> pd.DataFrame:
    """Write an environment of these models, and the one table that they share."""
    values = models.values() if isinstance(models, dict) else models
    rows = pd.concat([rows_of(value) for value in values], ignore_index=True)
    rows = rows.sample(frac=1, random_state=0, ignore_index=True)
    rows.to_csv(project.path / "data/01_raw/stores.csv", index=False)
    conf = project.path / "conf/stores"
    conf.mkdir(exist_ok=True)
    files = {"raw_rows": "data/01_raw/stores.csv", "rows_to_score": "data/01_raw/new.csv"}
    catalog = {name: {**ENTRY, "filepath": path} for name, path in files.items()}
    (conf / "catalog.yml").write_text(json.dumps(catalog))
    write_parameters(project, models)
    return rows


def write_parameters(project: Project, models: list[str] | dict[str, str], **more: Any) -> None:
    title = {"report": {"title": "Store ${model:}"}, "monitoring": {"false_alarms": 0.001}}
    blocks = {"models": models, "columns": COLUMNS, **QUICK, **title, **more}
    (project.path / "conf/stores/parameters.yml").write_text(json.dumps(blocks))


def decisions(project: Project, name: str) -> list[str]:
    log = project.path / "data/stores" / name / "08_reporting/promotions.jsonl"
    return [json.loads(line)["action"] for line in log.read_text().splitlines()]


@pytest.mark.long
def test_a_run_of_one_model_reads_its_rows_and_writes_into_its_folder(project: Project) -> None:
    rows = stores(project, ["at", "berlin", "007"])
    succeeds(here("run", "--env", "stores", "--params", "model=berlin", "--pipelines=retraining"))
    (decision,) = project.versions("08_reporting/decision.json", "stores/berlin")
    judged = json.loads(decision.read_text())
    assert judged["environment"] == "stores/berlin"
    own = rows["store"] == "berlin"
    assert judged["judgement"]["data"]["rows"] == own.sum() == 400
    assert "models" not in judged["parameters"]
    # A row keeps its number in the shared file.
    (test_rows,) = project.versions("03_primary/test_rows.parquet", "stores/berlin")
    assert {*pd.read_parquet(test_rows).index} < {*(np.flatnonzero(own) + 1)}
    (page,) = project.versions("08_reporting/report.html", "stores/berlin")
    assert Parsed(page.read_text()).text.startswith("Promoted: Store berlin ")
    assert {path.name for path in (project.path / "data/stores").iterdir()} == {"berlin"}
    assert load_champion(project.path, "stores/berlin").predict(rows.head(3)).shape == (3,)
    with pytest.raises(DataError, match='expected one of them, such as env="stores/berlin"'):
        load_champion(project.path, "stores")
    # A name is a text, and each hint names the model.
    several = ("--params", "model=007", "--params", "training.epochs=2")
    succeeds(here("run", "--env", "stores", *several))
    assert (project.path / "data/stores/007/08_reporting/latest.html").exists()
    refused = here("run", "--env", "stores", "--params", "model=at", "--pipelines", "scoring")
    assert "kedro run --env stores --params model=at --pipelines retraining" in refused.stderr


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (
            (),
            "Which model? kedro run --env stores --params model=at, or all of them: kedro ",
        ),
        (
            ("--pipelines", "scoring"),
            "Which model? kedro run --env stores --pipelines scoring --params model=at, or all of "
            "them: kedro run-models --env stores --pipelines scoring. The models are at, berlin.",
        ),
        (("--params", "model=berlni"), "Model 'berlni' is unknown; did you mean 'berlin'?"),
        (("--params", "model=../at"), "Model '../at' is unknown; did you mean 'at'?"),
    ],
)
def test_no_name_or_another_is_refused_and_writes_nothing(
    project: Project, params: tuple[str, ...], told: str
) -> None:
    stores(project, ["at", "berlin"])
    refused = here("run", "--env", "stores", *params)
    assert refused.returncode == 1
    assert told in refused.stderr
    assert not (project.path / "data/stores").exists()


def test_a_run_that_reads_what_all_models_share_is_refused(project: Project) -> None:
    stores(project, ["at", "no"])
    catalog = project.path / "conf/stores/catalog.yml"
    shared = {"type": ENTRY["type"], "filepath": "data/01_raw/stores.csv"}
    catalog.write_text(json.dumps({"raw_rows": shared}))
    run = ("run", "--env", "stores", "--params", "model=no")
    refused = message_of(here(*run))
    assert refused.startswith("raw_rows: this catalog entry loads the same rows for every")
    assert here("run", "--params").returncode == 2  # a value is missing


@pytest.mark.long
@pytest.mark.parametrize(
    ("pipeline", "entry", "given"),
    [
        ("scoring", "rows_to_score", ()),
        ("scoring", "rows_to_score", ("--params", "rows_to_score=data/01_raw/stores.csv")),
        ("monitoring", "late_labels", ("--params", "late_labels=data/01_raw/stores.csv")),
    ],
)
def test_no_model_scores_or_measures_the_rows_of_all(
    project: Project, pipeline: str, entry: str, given: tuple[str, ...]
) -> None:
    stores(project, ["at", "be"])
    (project.path / "conf/stores/catalog.yml").unlink()
    ended = here("run-models", "--env", "stores", "--pipelines", pipeline, *given)
    assert ended.returncode == 1
    told = f"{entry}: this catalog entry loads the same rows for every model."
    # The same error is said once, with its models.
    (error,) = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    assert error.partition(" Add ")[0] == f"Error: 2 models, at, be: {told}"


def test_what_each_model_would_overwrite_is_refused(project: Project) -> None:
    stores(project, ["at", "be"])
    path = project.path / "conf/stores/catalog.yml"
    entry = {"type": "pandas.CSVDataset", "filepath": "data/predictions.csv", "versioned": True}
    path.write_text(json.dumps({**json.loads(path.read_text()), "candidate_predictions": entry}))
    run = ("run", "--env", "stores", "--params", "model=at")
    told = "candidate_predictions: this catalog entry saves to the same place for every model"
    assert message_of(here(*run)).startswith(told)
    stores(project, ["at", "be"])
    write_parameters(project, ["at", "be"], mlflow={"registered_model": "shops"})
    told = "mlflow.registered_model = shops: this name is the same for every model"
    assert message_of(here(*run)).startswith(told)
    write_parameters(project, ["at", "be"], mlflow={"registered_model": "shops-${model:}"})
    assert "no champion yet" in message_of(here(*run, "--pipelines", "scoring"))


def test_conf_may_look_up_a_value_by_the_name_of_the_model(project: Project) -> None:
    rows = stores(project, ["at", "be"])
    for name in ("at", "be"):
        path = project.path / f"data/01_raw/of_{name}.csv"
        rows[rows["store"] == name].to_csv(path, index=False)
    path = project.path / "conf/stores/catalog.yml"
    files = {"at": "data/01_raw/of_at.csv", "be": "data/01_raw/of_be.csv"}
    entry = {"type": ENTRY["type"], "filepath": "${_files.${model:}}"}
    path.write_text(json.dumps({"_files": files, "raw_rows": entry}))
    (project.path / "conf/stores/globals.yml").write_text('{"share": {"at": 0.2, "be": 0.3}}')
    split = {"test_fraction": "${globals:share.${model:}}"}
    write_parameters(project, ["at", "be"], split=split)
    parts = ("--pipelines", "data_processing")
    log = logged("run", "--env", "stores", "--params", "model=be", *parts)
    assert "of_be.csv: 400 rows, 400 valid, 0 quarantined" in log
    # Which rows are of no model is asked for each model, whatever its name.
    rows["store"] = rows["store"].replace("be", "belgium").mask(rows.index % 100 == 7, "fi")
    rows.to_csv(project.path / "data/01_raw/stores.csv", index=False)
    where = {"store": "${_names.${model:}}"}
    entry = {**ENTRY, "filepath": "data/01_raw/stores.csv", "where": where}
    catalog = {"_names": {"at": "at", "be": "belgium"}, "raw_rows": entry}
    (project.path / "conf/stores/catalog.yml").write_text(json.dumps(catalog))
    write_parameters(project, ["at", "be"])
    (told,) = rows_of_no_model(project.path, "stores")
    assert told.endswith("stores.csv: rows that belong to no model: fi 8")


@pytest.mark.long
def test_only_a_model_with_new_rows_is_trained_and_rows_of_none_are_counted(
    project: Project,
) -> None:
    rows = stores(project, ["7", "8"])
    strange = rows.head(21).assign(store=9.0)
    strange.loc[0, "store"] = None
    # As pandas writes whole numbers if a cell of the column is missing: 7.0.
    table = pd.concat([rows.astype({"store": float}), strange])
    path = project.path / "data/01_raw/stores.csv"
    table.to_csv(path, index=False)
    assert "\n7.0," in path.read_text()
    printed = succeeds(here("run-models", "--env", "stores"))
    assert printed.count("stores.csv: rows that belong to no model: '9' 20, '' 1\n") == 1
    (decision,) = project.versions("08_reporting/decision.json", "stores/7")
    assert json.loads(decision.read_text())["judgement"]["data"]["rows"] == 400
    new = rows_of("8").head(1).assign(store=8.0, price=49.5)
    pd.concat([new, table]).to_csv(path, index=False)
    ended = here("run-models", "--env", "stores")
    outcomes = {words[1]: words[0] for words in map(str.split, ended.stdout.splitlines())}
    assert outcomes["7"] == "unchanged"
    assert outcomes["8"] in {"promoted", "rejected"}
    assert decisions(project, "7") == ["promoted"]
    # Nor is a model trained again because of a row without a label, of this model or of another.
    before = decisions(project, "8")
    unlabelled = rows_of("8").head(1).assign(store=8.0, sold=None)
    pd.concat([unlabelled, new, table]).to_csv(path, index=False)
    said = logged("run-models", "--env", "stores")
    assert said.count(" had the same data, parameters and code, and it ") == 1
    assert said.count("Unchanged: no new labelled rows since run ") == 1
    assert decisions(project, "8") == before


@pytest.mark.long
def test_conf_is_checked_and_loads_without_a_name(project: Project) -> None:
    stores(project, ["at", "berlin"])
    with KedroSession.create(project.path, env="stores") as session:
        catalog = session.load_context().catalog
    assert "MODEL" in str(catalog.get("raw_rows")._where)
    assert "conf lists no models" in message_of(here("run", "--params", "model=at"))
    assert "Conf lists no models" in message_of(here("run-models"))


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ("at", "got 'at'; expected a list of names, such as [at, be], or a mapping"),
        ("[at, New Zealand]", "'New Zealand' cannot be the name of a folder: expected letters"),
        ("[at, New Zealand]", "write a mapping: {NAME: 'New Zealand'}"),
        ("[a/b]", "'a/b' cannot be the name"),
        ("[01_raw]", "'01_raw' cannot be the name"),
        ("[AT, NO]", "False is not text: this is how YAML reads an empty name or value, or NO"),
        ("{AT: Austria, NO: Norway}", 'Put it in quotes, such as "NO"'),
        ("{AT: Austria, BE: }", "None is not text"),
        ("[1, 1.0]", "1.0 is not text"),
        ("[at, be, at]", "'at' and 'at' have the same value, 'at', and so the same rows"),
        ("[AT, at]", "such as {AT: AT, OTHER: at}"),
        ("[7, 007]", "expected different values. YAML reads 007 without quotes as 7"),
        ("{AT: Austria, BE: Austria}", "'AT' and 'BE' have the same value, 'Austria', and so the"),
        ("{a: 7, b: '7.0'}", "'a' and 'b' have the same value, '7.0'"),
    ],
)
def test_a_name_or_a_value_that_cannot_be_is_named(
    project: Project, models: str, told: str
) -> None:
    stores(project, ["at"])
    (project.path / "conf/stores/parameters.yml").write_text(f"models: {models}\n")
    refused = message_of(here("run", "--env", "stores", "--params", "model=at"))
    assert refused.startswith("Parameter 'models': ")
    assert told in refused


def test_a_model_may_have_another_value_in_the_column_than_its_name(project: Project) -> None:
    names = {"NZ": "New Zealand", "CI": "Côte d'Ivoire", "NO": "NO", "7": "7", "007": "007"}
    rows = stores(project, names)
    rows = pd.concat([rows, rows_of("LU").head(31), rows_of("fi")])
    rows.to_csv(project.path / "data/01_raw/stores.csv", index=False)
    for name, value in names.items():
        given = ("--env", "stores", "--params", f"model={name}", "--pipelines", "data_processing")
        assert "stores.csv: 400 rows, 400 valid, 0 quarantined" in logged("run", *given)
        (kept,) = project.versions("03_primary/test_rows.parquet", f"stores/{name}")
        assert {*pd.read_parquet(kept).index} < {*(np.flatnonzero(rows["store"] == value) + 1)}
    report = {"title": "${model:value}"}
    write_parameters(project, names, report=report)
    refused = message_of(here("run", "--env", "stores", "--params", "model=NZ"))
    assert "${model:value}: expected ${model:} or, in the catalog, ${model:value}." in refused


def test_rows_of_no_model_are_counted_for_all_models_at_once(project: Project) -> None:
    assert rows_of_no_model(project.path, None) == []
    rows = stores(project, {"at": "Austria", "be": "Belgium"})
    assert rows_of_no_model(project.path, "stores") == []  # and there are no rows to score
    strange = [("fi", 200), ("LU", 31), ("New Zealand", 3), ("at", 2)]
    others = [rows_of(value).head(count) for value, count in strange]
    path = project.path / "data/01_raw"
    pd.concat([rows, *others]).to_csv(path / "new.csv", index=False)
    (told,) = rows_of_no_model(project.path, "stores")
    assert told.endswith("rows that belong to no model: fi 200, LU 31, 'New Zealand' 3, at 2")
    many = [rows.head(1).assign(store=f"s{number}") for number in range(15)]
    pd.concat([*others, *many]).to_csv(path / "stores.csv", index=False)
    of_raw_rows, of_new_rows = rows_of_no_model(project.path, "stores")
    assert of_raw_rows.count(", ") == 9
    assert of_raw_rows.endswith(" and 9 more")
    assert of_new_rows == told
    # What cannot be read is told by the runs of the models.
    (path / "stores.csv").write_bytes(b'store\n"')
    assert rows_of_no_model(project.path, "stores") == [told]


@pytest.mark.long
def test_a_store_without_rows_to_score_is_told(project: Project) -> None:
    stores(project, ["at", "berlin"])
    succeeds(here("run", "--env", "stores", "--params", "model=at", "--pipelines=retraining"))
    rows_of("berlin").to_csv(project.path / "data/01_raw/new.csv", index=False)
    refused = here("run", "--env", "stores", "--params", "model=at", "--pipelines", "scoring")
    assert "new.csv: no rows where store is 'at'; expected at least one." in message_of(refused)


@pytest.mark.long
def test_one_model_and_many_are_compared_as_the_page_says(project: Project) -> None:
    rows = stores(project, ["at", "be"])
    rows.assign(sale=rows.index).to_csv(project.path / "data/01_raw/stores.csv", index=False)
    write_parameters(project, ["at", "be"], columns={**COLUMNS, "key": "sale"})
    quick = project.path / "conf/one_for_all/parameters_quick.yml"
    quick.parent.mkdir()
    quick.write_text(json.dumps({name: QUICK[name] for name in ("network", "training")}))
    (printed,) = run_blocks(["docs/models.md"], project.path)
    losses = [line.split() for line in sorted(printed.splitlines())]
    assert [name for name, _, _ in losses] == ["at", "be"]
    assert all(0 < float(loss) < 1 for _, *both in losses for loss in both)
    # They are of the same rows.
    keys = {}
    for env in ("one_for_all", "stores/at", "stores/be"):
        (path,) = project.versions("03_primary/test_rows.parquet", env)
        keys[env] = {*pd.read_parquet(path)["sale"]}
    assert keys["one_for_all"] == keys["stores/at"] | keys["stores/be"]


@pytest.mark.long
def test_the_worst_end_of_all_runs_is_the_exit_code(project: Project) -> None:
    rows = stores(project, ["at", "be"])
    bad = rows["store"].eq("be") & (rows.index % 9 == 0)
    rows["age"] = rows["age"].astype(object).mask(bad, "old")
    rows.to_csv(project.path / "data/01_raw/stores.csv", index=False)
    ended = here("run-models", "--env", "stores")
    assert ended.returncode == UNTRUSTED
    assert (decisions(project, "at"), decisions(project, "be")) == (["promoted"], ["rejected"])


@pytest.mark.long
def test_two_processes_run_models_and_print_each_log_in_one_piece(project: Project) -> None:
    names = ["at", "be", "ch"]
    stores(project, names)
    printed = succeeds(project.command("run-models", "--env", "stores", "--jobs", "2"))
    assert all(decisions(project, name) == ["promoted"] for name in names)
    said = re.findall(r"run \S+ of environment stores/(\w+)|(Promoted) run", printed)
    begun = [name for name, _ in said[::2]]
    assert sorted(begun) == names
    assert [promoted for _, promoted in said[1::2]] == ["Promoted"] * 3
    assert [line.split()[:2] for line in printed.splitlines() if line.startswith("promoted")] == [
        ["promoted", name] for name in names
    ]


@pytest.mark.long
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_command_ends_with_the_table(project: Project, jobs: str) -> None:
    stores(project, ["at", "be", "ch"])
    begun = project.path / "data/stores/ch/08_reporting/retraining_attempt.json"
    command = [sys.executable, "-m", "kedro", "run-models", "--env", "stores", "--jobs", jobs]
    with subprocess.Popen(command, cwd=project.path, stdout=-1, stderr=-1, text=True) as process:
        wait_until(lambda: any(begun.glob("*/*.json")), 200)
        process.terminate()
        printed, errors = process.communicate(timeout=100)
    assert process.returncode == 130, printed + errors
    assert re.search(r"^ *- +ch +failed ", printed, re.MULTILINE)
    assert re.search(r"^ *promoted +(at|be) ", printed, re.MULTILINE)
    assert re.search(r"^Error: interrupted; [12] of 3 models did not finish", errors, re.MULTILINE)


@pytest.mark.long
def test_processes_end_with_a_command_that_is_killed(project: Project) -> None:
    stores(project, ["at", "be"])
    command = ("run-models", "--env", "stores", "--jobs", "2")
    with started(project, *command, stdout=-3, stderr=-3, start_new_session=True) as process:
        begun = project.path / "data/stores"
        wait_until(lambda: any(begun.glob("*/08_reporting/*/*/*.json")), 200)
        assert len(group_of(process.pid)) > 2
        process.kill()
    wait_until(lambda: not group_of(process.pid), 200)


def test_an_error_of_all_models_is_said_once() -> None:
    ends = {name: failed(f"Error: s3://outputs/{name}: not reached.") for name in ("at", "be")}
    assert errors_of(ends) == ["Error: 2 models, at, be: s3://outputs/…: not reached."]


def test_some_models_are_none_if_their_text_is_empty(project: Project) -> None:
    stores(project, ["at", "be"])
    said = message_of(here("run-models", "--env", "stores", "--models", ""))
    assert said == "Model '' is unknown; known: at, be."
    rollback = ("run-models", "--env", "stores", "--pipelines", " rollback")
    assert "expected --models" in message_of(here(*rollback))


def test_a_notice_does_not_wait_for_the_page(project: Project) -> None:
    stores(project, ["at", "be"])
    told = project.path / "told.json"
    write_parameters(project, ["at", "be"], notify=to(told))
    (project.path / "data/01_raw/stores.csv").unlink()
    (project.path / "data/stores/overview.html").mkdir(parents=True)
    assert "overview.html: Is a directory" in here("run-models", "--env", "stores").stderr
    assert [notice["event"] for notice in lines(told)] == ["failed"]


@pytest.mark.long
def test_a_locked_model_is_named_and_hides_nothing(project: Project) -> None:
    stores(project, ["at", "be"])
    lock = project.path / "data/stores/at/retraining.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ended = here("run-models", "--env", "stores")
        assert ended.returncode == 0
        assert re.search(r"^ *locked +at ", ended.stdout, re.MULTILINE)
        assert decisions(project, "be") == ["promoted"]
        assert here("run-models", "--env", "stores", "--models", "at").returncode == TRY_LATER
