"""A project of one's own: its pipelines, blocks of conf and nodes, beside those of the package."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.framework import project as kedro_project
from kedro.framework.project import pipelines
from kedro.validation import ParameterValidationError

from tabular_lstm.errors import DataError
from tabular_lstm.runs.guards import GIVEN, check_parameters
from tabular_lstm.runs.own_package import own_source, packages_of_pipelines
from tabular_lstm.runs.provenance import parameters_hash
from tests.helpers.commands import RETRAINING, here, message_of, succeeds, with_modules
from tests.helpers.documents import text
from tests.helpers.own_project import own, package_of, write_package, write_pipeline
from tests.helpers.project import TINY, Project, declare
from tests.helpers.scorings import SCORING

MINE = ("run", "--pipelines", "mine")
UNCHANGED = "INFO    Unchanged: "


@pytest.fixture
def churn(project: Project) -> Project:
    return own(project)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an own package that this process has found, as Kedro does."""
    folder = tmp_path / "src/churn"
    folder.parent.mkdir()
    write_package(folder)
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setattr(kedro_project, "PACKAGE_NAME", "churn")
    yield folder
    sys.modules.pop("churn", None)


# Pipelines


def test_a_created_pipeline_runs_after_a_scoring_with_its_own_parameters(served: Project) -> None:
    """Its node reads what earlier runs made; a run imports no pipeline that it does not run."""
    churn = own(served)
    succeeds(churn.command("pipeline", "create", "mine"))
    assert (churn.path / "tests/pipelines/mine").is_dir()
    inputs = ["predictions", "metrics", "champion", "params:mine"]
    result = "predictions.nlargest(params['rows'], 'probability').assign(auc=metrics['test']"
    result += "['roc_auc'], run=champion.run_id)"
    write_pipeline(package_of(churn), "mine", result, inputs)
    (churn.path / "conf/base/catalog_mine.yml").write_text(
        "mine_made: {type: pandas.CSVDataset, filepath: '${outputs:}/mine.csv'}"
    )
    with (churn.path / "conf/base/parameters_mine.yml").open("a") as file:
        file.write("mine: {rows: 3}")

    assert message_of(churn.command(*MINE)).endswith("kedro run --pipelines scoring scores rows.")
    scored, modules = with_modules(churn, *SCORING)
    assert scored.returncode == 0, scored.stderr
    assert "churn.pipelines.mine" not in modules
    ran, modules = with_modules(churn, *MINE, "--params", "mine.rows=2")

    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert not {f"tabular_lstm.pipelines.{name}" for name in ("training", "evaluation")} & modules
    assert "churn.pipelines.mine" in modules
    started, running = [line for line in ran.stdout.splitlines() if "INFO" in line]
    assert "of environment base, to data/" in started
    assert running.endswith("Running mine")
    header, *lines = (churn.path / "data/mine.csv").read_text().splitlines()
    assert header.endswith("auc,run")
    assert len(lines) == 2


@pytest.mark.long
def test_one_registry_has_the_pipelines_of_both_and_what_the_project_adds(churn: Project) -> None:
    write_pipeline(package_of(churn), "mine", "data_summary.rows", ["data_summary"])
    (package_of(churn) / "pipeline_registry.py").write_text(
        "from tabular_lstm.pipeline_registry import register_pipelines as found\n"
        "from churn.pipelines import mine\n"
        "def register_pipelines():\n"
        "    return found() | {'nightly': mine.create_pipeline()}\n"
    )
    listed = yaml.safe_load(succeeds(churn.command("registry", "list")))
    assert {"mine", "nightly", "__default__", "data_processing", "scoring"} <= {*listed}
    # A node of the project reads what this run makes.
    both, modules = with_modules(churn, "run", "--pipelines", "data_processing,nightly")
    assert "Running mine" in succeeds(both)
    assert "tabular_lstm.pipelines.training" not in modules

    message = message_of(churn.command("run", "--pipelines", "mien"))
    assert message == "Pipeline 'mien' is unknown; did you mean 'mine'?"
    message = message_of(churn.command("run", "--pipelines", "scoring,mine"))
    assert message.endswith("Run the others before or after it.")
    message = message_of(churn.command("run", "--pipelines", "mine,reshaping"))
    assert "history_rows, test_rows, train_rows would come from an earlier run" in message
    write_pipeline(package_of(churn), "mine", "1", ["predictoins"])
    message = message_of(churn.command("run", "--pipelines", "mine"))
    assert message.startswith("Pipeline input(s) {'predictoins'} not found")


def test_an_own_pipeline_replaces_none_of_the_package(package: Path) -> None:
    file = write_pipeline(package, "mine", "1", ["params:mine"])
    assert packages_of_pipelines()["mine"] == "churn"
    assert packages_of_pipelines()["training"] == "tabular_lstm"
    assert "churn.pipelines" not in sys.modules
    file.parent.rename(file.parent.with_name("training"))
    with pytest.raises(
        DataError, match="churn/pipelines/training: tabular_lstm already has a pipeline"
    ):
        packages_of_pipelines()


@pytest.mark.long
def test_kedro_viz_shows_the_own_pipeline_among_the_layers(churn: Project) -> None:
    write_pipeline(package_of(churn), "mine", "1", ["predictions", "metrics"])
    succeeds(churn.command("viz", "build"))
    shown = yaml.safe_load((churn.path / "build/api/main").read_text())
    assert {"mine", "retraining"} <= {pipeline["id"] for pipeline in shown["pipelines"]}
    assert shown["layers"] == sorted(shown["layers"])
    assert len(shown["layers"]) == 8


# Parameters


def test_a_block_of_conf_belongs_to_a_pipeline(package: Path) -> None:
    write_pipeline(package, "mine", "1", ["params:mine"])
    for own_block in ({"rows": 3}, [1, 2], None):
        assert check_parameters({"mine": own_block}) == check_parameters({})
    for name, closest in (("trainig", "did you mean 'training'?"), ("mien", "mean 'mine'?")):
        with pytest.raises(ParameterValidationError) as refused:
            check_parameters({name: {}})
        assert f"'{name}' is unknown" in str(refused.value)
        assert closest in str(refused.value)
    with pytest.raises(ParameterValidationError, match=r"a block named after your pipe"):
        check_parameters({"threshold": 0.5, "mine": {}})


# The source of the own package


def test_the_source_counts_as_a_parameter_of_a_retraining(package: Path) -> None:
    raw_rows = {"type": "tabular_lstm.datasets.RawRowsDataset"}
    blocks: dict[str, Any] = {"promotion": {"confidence": 0.9}}
    before = parameters_hash(blocks, raw_rows), own_source()
    (package / "notes.txt").write_text("no code")
    assert (parameters_hash(blocks, raw_rows), own_source()) == before
    (package / "starter").mkdir()
    (package / "starter/nodes.py").write_text("a folder like any other here")
    after = parameters_hash(blocks, raw_rows), own_source()
    assert not {*after[1].values()} & {*before[1].values()}
    assert after[0] != before[0]


def test_a_project_without_a_package_of_its_own_has_the_same_hashes(project: Project) -> None:
    assert own_source() == {}
    assert {*packages_of_pipelines().values()} == {"tabular_lstm"}


def test_rows_are_scored_again_after_a_change_of_the_source(served: Project) -> None:
    churn = own(served)
    assert "Scored 20 of 20 rows" in succeeds(churn.command(*SCORING))
    assert UNCHANGED in succeeds(churn.command(*SCORING))
    (package_of(churn) / "nodes.py").write_text("other code")
    assert "Scored 20 of 20 rows" in succeeds(churn.command(*SCORING))


@pytest.mark.long
def test_a_candidate_is_trained_again_after_a_change_of_the_source(served: Project) -> None:
    churn = own(served)
    trained = "Running training.train_network"
    assert trained in succeeds(churn.command(*RETRAINING))
    assert UNCHANGED in succeeds(churn.command(*RETRAINING))
    (package_of(churn) / "nodes.py").write_text("other code")
    assert trained in succeeds(churn.command(*RETRAINING))


# Kedro's options


def test_tags_choose_what_makes_a_candidate_and_what_makes_the_page(project: Project) -> None:
    default = pipelines["__default__"]
    training = default.only_nodes_with_tags("training")
    namespaces = {node.namespace for node in training.nodes}
    assert namespaces == {"data_processing", "reshaping", "training"}
    assert {name for name in training.inputs() if "params:" not in name} <= GIVEN
    assert "candidate@network" in training.outputs()
    assert {*default.only_nodes_with_tags("report").nodes} == {*default.nodes}


def options() -> dict[str, str]:
    """What the page says of each option of `kedro run`."""
    table = text("docs/extending.md").partition("| option")[2].partition("\n\n")[0]
    rows = (line.split(" | ") for line in table.splitlines()[2:])
    return {code: said for cell, said in rows for code in cell.split("`")[1::2]}


@pytest.mark.long
@pytest.mark.parametrize("option", options())
def test_an_option_of_kedro_does_what_the_page_says(project: Project, option: str) -> None:
    declare(project, **TINY)
    finished = here("run", *option.split())
    if "refused" in options()[option]:
        assert "kedro run --tags training" in message_of(finished)
    else:
        succeeds(finished)
