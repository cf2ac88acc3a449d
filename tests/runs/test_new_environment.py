"""An environment that is written for a file: whole or not at all, and where it belongs."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.framework.session import KedroSession

from tabular_lstm.errors import DataError
from tabular_lstm.profiling.profile import Profile
from tabular_lstm.runs import written_conf
from tabular_lstm.runs.new_environment import Told, new_environment
from tests.helpers.project import Project

ROWS = pd.DataFrame(
    {
        "id": range(1, 61),
        "age": [-9, -9, *(20 + x % 45 for x in range(58))],
        "color": ["red", "blue", "green"] * 20,
        "sick": ["no", "no", "yes"] * 20,
    }
)


@pytest.fixture
def csv(project: Project) -> Path:
    path = project.path / "data/mine.csv"
    ROWS.to_csv(path, index=False)
    return path


def conf(project: Project, name: str, env: str = "mine") -> Any:
    return yaml.safe_load((project.path / "conf" / env / name).read_text())


def everything(project: Project) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.path.rglob("*") if path.is_file()}


def refusal(project: Project, file: Path, env: str = "mine", **told: Any) -> str:
    """What is said where nothing is written."""
    before, folders = everything(project), {*project.path.rglob("*")}
    with pytest.raises(DataError) as caught:
        new_environment(file, env, project.path, **told)
    assert everything(project) == before
    assert {*project.path.rglob("*")} == folders
    return str(caught.value)


def test_both_files_are_written_and_the_profile_is_a_version(project: Project, csv: Path) -> None:
    page = new_environment(csv, "mine", project.path)
    assert conf(project, "catalog.yml")["raw_rows"] == {
        "type": "tabular_lstm.datasets.RawCSVDataset",
        "filepath": "data/mine.csv",
        "metadata": {"kedro-viz": {"layer": "01_raw"}},
    }
    assert conf(project, "catalog.yml")["rows_to_score"] == {
        "type": "tabular_lstm.datasets.rows_to_score.RowsToScoreDataset",
        "filepath": "${runtime_params:rows_to_score,'data/01_raw/mine_to_score.csv'}",
        "metadata": {"kedro-viz": {"layer": "01_raw"}},
    }
    assert conf(project, "parameters.yml")["columns"] == {
        "label": "sick",
        "positive_class": "yes",
        "negative_class": "no",
        "key": "id",
        "categorical": ["color"],
        "missing": {"age": [-9]},
    }
    (saved,) = project.versions("08_reporting/profile.json", "mine")
    profile = Profile.model_validate_json(saved.read_bytes())
    assert [column.name for column in profile.columns] == [*ROWS]
    assert profile.file == "data/mine.csv"
    with KedroSession.create(project.path, env="mine") as session:
        catalog = session.load_context().catalog
        assert catalog.load("profile") == profile
        assert json.loads(catalog.get("profile").preview())["rows"] == 60
    assert page.splitlines()[-3:] == [
        "Read them, then: kedro run --env mine",
        "For a model that serves: kedro run --env mine --pipelines retraining",
        "To score new rows, put them in data/01_raw/mine_to_score.csv: "
        "kedro run --env mine --pipelines scoring",
    ]


def test_the_page_says_what_each_column_is_and_what_is_unsure(project: Project, csv: Path) -> None:
    page = new_environment(csv, "mine", project.path)
    lines = {line.split("  ")[0]: line for line in page.splitlines()}
    for name, words in {
        "id": ("identifier", "key"),
        "age": ("number", "-9", "feature", "20 to 64"),
        "color": ("category", "red", "categorical", "3 values"),
        "sick": ("boolean", "label"),
    }.items():
        assert all(word in lines[name] for word in words), lines[name]
    assert "Label sick: yes (positive) 20 rows, no 40 rows; 33.3% positive" in page
    assert "- id: key: does each row keep this value" in page
    assert "conf/mine/catalog.yml" in page


def test_what_is_there_stays_unless_it_is_forced(project: Project, csv: Path) -> None:
    new_environment(csv, "mine", project.path)
    assert "--force" in refusal(project, csv)
    assert "--force" in refusal(project, csv, "tutorial")
    (project.path / "conf/mine/parameters_training.yml").write_text("training: {seed: 1}\n")
    new_environment(csv, "mine", project.path, Told(positive="no"), force=True)
    assert conf(project, "parameters.yml")["columns"]["positive_class"] == "no"
    assert conf(project, "parameters_training.yml") == {"training": {"seed": 1}}


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ("base", "expected a name of its own"),
        ("", "expected a name of its own"),
        ("local", "expected a name of its own"),
        ("../mine", "expected the name of a folder"),
        ("01_raw", "expected the name of a folder"),
        (".git", "expected the name of a folder"),
    ],
)
def test_an_odd_or_reserved_name_is_refused(
    project: Project, csv: Path, env: str, said: str
) -> None:
    assert said in refusal(project, csv, env, force=True)


def test_a_file_outside_the_project_is_named_by_its_whole_path(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "my rows.csv"
    ROWS.to_csv(path, index=False)
    new_environment(path, "mine", project.path)
    assert conf(project, "catalog.yml")["raw_rows"]["filepath"] == str(path)


def test_a_path_is_from_the_working_directory(
    project: Project, csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.path / "data/01_raw")
    new_environment(Path("../mine.csv"), "mine", project.path)
    assert conf(project, "catalog.yml")["raw_rows"]["filepath"] == "data/mine.csv"


def test_a_folder_is_profiled_as_it_is_read(project: Project) -> None:
    folder = project.path / "data/rows"
    folder.mkdir()
    ROWS.to_csv(folder / "2026-11-01.csv", index=False)
    # A later file corrects ten rows and adds others, its columns in another order.
    later = ROWS.assign(id=ROWS["id"] + 50)[["sick", "color", "id", "age"]]
    later.to_csv(folder / "2026-11-02.csv", index=False)
    page = new_environment(folder, "mine", project.path)
    assert "120 rows, 4 columns" in page
    assert conf(project, "catalog.yml")["raw_rows"]["filepath"] == "data/rows"
    assert conf(project, "parameters.yml")["columns"]["key"] == "id"
    other = ROWS.rename(columns={"age": "years"})
    other.to_csv(folder / "2026-11-03.csv", index=False)
    assert "lacks 'age'" in refusal(project, folder, "other")


def test_what_cannot_be_profiled_is_refused_and_leaves_nothing(project: Project) -> None:
    path = project.path / "data/none.csv"
    assert "data/none.csv: no such file or directory. Name a CSV" in refusal(project, path)
    for content, said in {
        "": "the file is empty",
        "a\n1\n": "one column only",
        "a,b\n": "a header and no rows",
        "a,b\n1,2\n3\n": "expected 2 cells",
        "age,kind\n1,a\n2,b\n3,c\n": "No column has two values",
        "3,1,p,q\n1.5,2.5,0,3\n2.5,3.5,1,4\n3.5,4.5,2,5\n": "though it holds 3, 1; if it is a row",
    }.items():
        path.write_text(content)
        assert said in refusal(project, path)


def test_a_fault_while_it_is_written_takes_all_back(
    project: Project, csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = written_conf.replace

    def full(path: Path, content: bytes) -> None:
        if path.name == "parameters.yml":
            raise OSError(28, "No space left on device", str(path))
        replace(path, content)

    monkeypatch.setattr(written_conf, "replace", full)
    assert "No space left on device; nothing is written" in refusal(project, csv)
    monkeypatch.undo()
    monkeypatch.chdir(project.path)
    new_environment(csv, "mine", project.path)
    monkeypatch.setattr(written_conf, "replace", full)
    said = refusal(project, csv, told=Told(positive="no"), force=True)
    assert "No space left on device" in said


def test_a_profile_that_cannot_be_saved_takes_the_conf_back(project: Project, csv: Path) -> None:
    (project.path / "data/mine").write_text("in its way")
    before = everything(project)
    with pytest.raises(Exception, match="mine"):
        new_environment(csv, "mine", project.path)
    assert everything(project) == before
    assert not os.path.lexists(project.path / "conf/mine")


@pytest.mark.parametrize("bad", [None, "zz"])
def test_a_name_or_a_cell_of_several_lines_writes_no_conf_of_its_own(
    project: Project, bad: str | None
) -> None:
    """Names and first faults stand in comments, which a line end would end."""
    name = "w" * 27 + '\nnotify:\n {"command":["touch","pwned"]}\n#'
    table = pd.DataFrame({name: [f"{x / 7:.4f}" for x in range(400)]})
    table["other"] = ["a\nmlflow: {}\n#", "b"] * 200
    table["sick"] = [0, 0, 1, 1] * 100
    if bad is not None:
        table.loc[7, name] = bad
    file = project.path / "data/mine.csv"
    table.to_csv(file, index=False)
    page = new_environment(file, "mine", project.path)
    assert ("would go to quarantine" in page) == (bad is not None)
    assert {*conf(project, "catalog.yml")} == {"raw_rows", "rows_to_score"}
    assert {*conf(project, "parameters.yml")} <= {"columns", "validation"}


def test_an_environment_in_files_of_another_ending_is_there_too(
    project: Project, csv: Path
) -> None:
    (project.path / "conf/mine").mkdir()
    (project.path / "conf/mine/parameters.yaml").write_text("{}")
    assert "parameters.yaml: the environment 'mine' is there" in refusal(project, csv)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"sick": [1, 0, 0, 0, 0, 0, 0, 0, 0, 1] * 2}, "too few rows to split"),
        (
            {
                "patient": [f"P{x % 24}" for x in range(60)],
                "sick": [int(x in {0, 24}) for x in range(60)],
            },
            "too few groups to split",
        ),
        (
            {
                **{
                    f"size{column}": [f"about {x}" if x % 100 == column else x for x in range(200)]
                    for column in range(8)
                },
                "sick": [0, 1] * 100,
            },
            "16 of 200 rows were quarantined",
        ),
    ],
)
def test_where_a_run_would_stop_the_page_says_what_the_run_will_say(
    project: Project, columns: dict[str, list[Any]], said: str
) -> None:
    """A promise of the page is kept or not made: the run's own words are on it."""
    rows = len(columns["sick"])
    table = pd.DataFrame({"bmi": [20 + x * 0.5 for x in range(rows)], **columns})
    path = project.path / "data/mine.csv"
    table.to_csv(path, index=False)
    page = new_environment(path, "mine", project.path)
    with pytest.raises(Exception, match=said) as caught:
        project.run("data_processing", env="mine")
    assert said in page
    first = str(caught.value).splitlines()[0].rpartition(": ")[2]
    assert first in page
    assert "Mend that first, then: kedro run --env mine" in page


def test_an_environment_may_have_a_name_of_other_letters(project: Project, csv: Path) -> None:
    new_environment(csv, "año", project.path)
    with KedroSession.create(project.path, env="año") as session:
        entry = session.load_context().config_loader["catalog"]["rows_to_score"]
    assert entry["filepath"] == "data/01_raw/año_to_score.csv"


def test_rows_to_score_of_a_file_without_a_header_have_no_label(project: Project) -> None:
    """Columns are known by their places, and the label that is not there moves none."""
    path = project.path / "data/mine.csv"
    ROWS[["sick", "age", "color"]].to_csv(path, index=False, header=False, sep=";")
    new_environment(path, "mine", project.path, Told(label="f1"))
    new = project.path / "data/01_raw/mine_to_score.csv"
    ROWS[["age", "color"]].to_csv(new, index=False, header=False, sep=";")
    with KedroSession.create(project.path, env="mine") as session:
        rows = session.load_context().catalog.load("rows_to_score").head(2)
    assert [*rows.columns] == ["f2", "f3"]
    assert [*rows["f3"]] == ["red", "blue"]


def test_an_environment_that_is_a_link_is_refused(project: Project, csv: Path) -> None:
    elsewhere = project.path / "elsewhere"
    elsewhere.mkdir()
    (project.path / "conf/mine").symlink_to(elsewhere)
    assert "expected a folder, got a link" in refusal(project, csv, force=True)
