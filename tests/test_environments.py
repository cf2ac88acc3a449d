"""An environment has outputs of its own, and a name that is no path; those shipped work."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.framework.session import KedroSession

from tabular_lstm.environments import output_folder, refuse_no_name
from tabular_lstm.errors import DataError
from tabular_lstm.runs.guards import check_parameters
from tabular_lstm.settings import EnvironmentConfigLoader
from tests.helpers.commands import here, message_of, succeeds
from tests.helpers.project import ROOT, Project


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
    with pytest.raises(DataError, match="expected the name of a folder in conf, with only letters"):
        refuse_no_name(env, "conf")


@pytest.mark.parametrize("env", [None, "base", "local", "tutorial", "north.2", "wine_red"])
def test_a_name_is_one(env: str | None) -> None:
    refuse_no_name(env, "conf")


def test_the_environment_of_storms_is_what_its_profile_writes_with_its_questions_answered(
    project: Project,
) -> None:
    succeeds(here("profile", "data/01_raw/storms.csv", "--env", "storms", "--force"))
    shipped, written = (
        [(of / "conf/storms" / name).read_text() for name in ("catalog.yml", "parameters.yml")]
        for of in (ROOT, project.path)
    )
    assert shipped[0] == written[0]
    columns, proposed = (text[1].partition("\ncolumns:")[2] for text in (shipped, written))
    assert columns == proposed.replace("    # known_after: #", "    known_after: 1 day #")
    assert columns != proposed


def test_no_environment_that_is_shipped_has_an_open_question() -> None:
    for env in ("base", *ENVIRONMENTS):
        for path in (ROOT / "conf" / env).glob("*.yml"):
            assert "Unsure" not in path.read_text(), path


# Conf

ENVIRONMENTS = sorted(
    path.name
    for path in (ROOT / "conf").iterdir()
    if path.is_dir() and path.name not in {"base", "local"}
)


def filepaths(env: str | None) -> list[str]:
    """Give all paths of an environment's catalog."""
    loader = EnvironmentConfigLoader(ROOT / "conf", env, base_env="base", default_run_env="base")
    return [entry["filepath"] for entry in loader["catalog"].values() if "filepath" in entry]


def test_the_catalog_keeps_the_base_environment_in_the_layers() -> None:
    layers = {Path(path).parent.as_posix() for path in filepaths(None)}
    assert layers == {
        f"data/{layer}"
        for layer in (
            "01_raw",
            "02_intermediate",
            "03_primary",
            "04_feature",
            "06_models",
            "07_model_output",
            "08_reporting",
        )
    }


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_catalog_keeps_every_other_environment_apart(env: str) -> None:
    paths = filepaths(env)
    outputs = [path for path in paths if not path.startswith("data/01_raw/")]
    assert len(outputs) == len(paths) - 2  # the raw rows, and those to score
    assert all(path.startswith(f"data/{env}/0") for path in outputs)


def test_an_environment_of_kedros_variable_counts_and_writes_nowhere_but_in_its_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run("data_processing")
    before = project.files()
    monkeypatch.setenv("KEDRO_ENV", "tutorial")
    project.run("data_processing")
    after = project.files()
    assert before.items() <= after.items()
    assert len(project.versions("03_primary/train_rows.parquet", "tutorial")) == 1
    assert all(path.startswith(f"data{os.sep}tutorial{os.sep}") for path in {*after} - {*before})


OWN_CATALOG = """
raw_rows: {type: tabular_lstm.datasets.RawRowsDataset, filepath: data/01_raw/diabetes.csv}
metrics: {type: json.JSONDataset, filepath: "${globals:kept}/metrics.json", versioned: true}
history: {type: json.JSONDataset, filepath: "${outputs:}/epochs.json"}
"""


def test_what_conf_lacks_has_its_default(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"late_labels": "came.csv", "scoring": {"reasons": 2}}

    def loaded() -> tuple[dict[str, Any], dict[str, Any]]:
        with KedroSession.create(project.path, runtime_params=given) as session:
            loader = session.load_context().config_loader
        return loader["catalog"], loader["parameters"]

    catalog, parameters = loaded()
    base = project.path / "conf/base"
    columns = (base / "parameters_data_processing.yml").read_text().partition("validation:")[0]
    for path in base.iterdir():
        path.unlink()
    (base / "parameters.yml").write_text(columns)
    (base / "catalog.yml").write_text(OWN_CATALOG)
    (base / "globals.yml").write_text("kept: elsewhere")
    own_catalog, own_parameters = loaded()
    assert check_parameters(own_parameters, given) == check_parameters(parameters, given)
    assert own_parameters["scoring"]["reasons"] == 2
    replaced = {name for name in catalog if own_catalog.get(name) != catalog[name]}
    assert replaced == {"raw_rows", "rows_to_score", "metrics", "training_log"}
    assert "rows_to_score" not in own_catalog
    assert own_catalog["metrics"]["filepath"] == "elsewhere/metrics.json"
    assert own_catalog["training_log"]["filepath"] == "data/epochs.json"
    assert own_catalog["late_labels"]["filepath"] == "came.csv"
    assert "The catalog's entry 'history' is called 'training_log'. Rename it." in caplog.text


@pytest.mark.parametrize(
    ("pipeline", "name"), [("retraining", "raw_rows"), ("scoring", "rows_to_score")]
)
def test_a_catalog_without_rows_is_refused(served: Project, pipeline: str, name: str) -> None:
    catalog = served.path / "conf/base/catalog.yml"
    catalog.write_text(catalog.read_text().replace(f"\n{name}:", f"\nother_{name}:"))
    message = message_of(here("run", "--pipelines", pipeline))
    assert message.startswith(f"The catalog has no entry '{name}', which says where the rows are.")


def test_a_parameter_of_the_command_line_changes_itself_alone(project: Project) -> None:
    """Kedro would put the command line's block in the place of the base environment's."""
    base = project.path / "conf/base/parameters_scoring.yml"
    base.write_text("scoring: {pass_through: [patient], reasons: '${runtime_params:why,2}'}")
    (project.path / "conf/local/parameters.yml").write_text("split: {salt: local}")

    def parameters(**given: Any) -> Any:
        with KedroSession.create(project.path, runtime_params=given) as session:
            return session.load_context().config_loader["parameters"]

    files = parameters()
    assert files["scoring"] == {"pass_through": ["patient"], "reasons": 2}
    found = parameters(scoring={"force": True})
    assert found == {**files, "scoring": {**files["scoring"], "force": True}}
    assert parameters(split={"test_fraction": 0.1})["split"]["salt"] == "local"


def test_a_text_that_looks_like_an_interpolation_is_one_with_parameters_too(
    project: Project,
) -> None:
    """As `kedro profile` writes it, with backslashes before it too."""
    label, feature = "${oc.env:HOME}", "a\\${columns.label}"
    table = pd.DataFrame({feature: np.arange(200) / 7, "${": [1, 2, 5, 9] * 50})
    table[label] = ["${yes}", "no"] * 100
    file = project.path / "data/mine.csv"
    table.to_csv(file, index=False)
    succeeds(here("profile", str(file), "--env", "mine", "--label", label))

    def parameters(**given: Any) -> Any:
        with KedroSession.create(project.path, env="mine", runtime_params=given) as session:
            return session.load_context().config_loader["parameters"]

    files = parameters()
    assert files["columns"]["label"] == label
    assert {files["columns"][f"{sign}_class"] for sign in ("positive", "negative")} == {
        "${yes}",
        "no",
    }
    assert parameters(training={"seed": 7}) == {
        **files,
        "training": {**files["training"], "seed": 7},
    }
    # What is given is a text, too.
    assert parameters(columns={"ignore": [feature]})["columns"]["ignore"] == [feature]
    run = ("run", "--env", "mine", "--pipelines", "data_processing")
    succeeds(here(*run, "--params", "split.salt=other"))
    path = project.versions("03_primary/train_rows.parquet", "mine")[-1]
    assert {*pd.read_parquet(path).columns} == {*table.columns}
