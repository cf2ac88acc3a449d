"""The documents tell the truth: their code runs and prints what they show; links lead somewhere."""

import json
import re
import shutil
import tomllib
from urllib.error import HTTPError

import pandas as pd
import pytest
import yaml
from kedro.framework.project import pipelines

from tabular_lstm.estimator import LSTMClassifier
from tabular_lstm.runs.guards import check_parameters
from tabular_lstm.serving.champion import load_champion
from tests.helpers.commands import succeeds
from tests.helpers.documents import BLOCK, OF_THE_STARTER, run_blocks, text
from tests.helpers.own_project import own
from tests.helpers.project import ROOT, TINY, Project
from tests.helpers.scorings import finished
from tests.helpers.servers import fastapi_server, post
from tests.helpers.tables import LABEL

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "benchmarks", "data", "docs")
    for path in (ROOT / folder).glob("*.md")
)
RUN = {"bash", "python", "python file", "yaml"}
# What takes root, another system or somebody's secrets; tests/integration has these.
LEFT = {"sh", "yaml example"}
RUN_OR_SHOWN = RUN | LEFT | {"toml", "text", "text example", "text error", "text tree", "cron"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def without_blocks(page: str) -> str:
    return BLOCK.sub("", text(page))


def test_a_server_answers_with_what_the_champion_says(served: Project) -> None:
    (code,) = [code for _, code in BLOCK.findall(text("docs/scoring.md")) if "FastAPI" in code]
    (served.path / "server.py").write_text(code.replace('env="patients"', ""))
    rows = pd.read_csv(served.raw).drop(columns=LABEL)[:3]
    champion = load_champion(served.path)

    with fastapi_server(served.path) as address:
        answered = post(f"{address}/score", rows.to_json(orient="records"))
        with pytest.raises(HTTPError) as refused:
            post(f"{address}/score", rows.assign(age="old").to_json(orient="records"))
        message = refused.value.read().decode()

    assert [row["champion"] for row in answered] == 3 * [champion.run_id]
    assert [row["decision"] for row in answered] == champion.predict(rows).tolist()
    probabilities = [row["probability"] for row in answered]
    assert probabilities == pytest.approx(champion.predict_proba(rows)[:, 1], abs=1e-6)
    assert refused.value.code == 422
    assert "'age'" in message


@pytest.mark.long
def test_your_csv(project: Project) -> None:
    run_blocks(["docs/your_csv.md"], project.path)

    metrics = project.metrics("clinic")
    assert metrics["data"]["rows"] == 768
    assert metrics["data"]["quarantined_rows"] == 0
    assert metrics["network"]["epochs"] <= 20
    assert metrics["test"]["decision_threshold"] < 0.3  # a false negative costs 5
    schema = json.loads(project.versions("04_feature/schema.json", "clinic")[-1].read_text())
    assert schema["categories"] == {"age_group": ["middle", "old", "young"]}
    assert schema["dates"] == {"visit": "%d.%m.%Y"}


@pytest.mark.long
def test_your_data(project: Project) -> None:
    run_blocks(["docs/your_data.md"], project.path)

    summary = project.versions("03_primary/data_summary.json", "clinic_db")[-1].read_text()
    assert json.loads(summary)["valid_rows"] == 768


def test_the_refusal_that_is_shown(project: Project) -> None:
    (shown,) = [code for kind, code in BLOCK.findall(text("docs/your_csv.md")) if "error" in kind]
    header, *lines = project.raw.read_text().splitlines()
    bad = [line.replace(line.partition(",")[0], "abc", 1) for line in lines[:99]]
    project.raw.write_text("\n".join([header, *bad, *lines[99:]]))

    finished = project.command("run")

    assert finished.returncode == 1
    assert shown.strip() in finished.stderr.replace(f"{project.path}/", "")


@pytest.mark.long
def test_own_baselines_as_they_are_written(project: Project) -> None:
    (conf,) = [code for _, code in BLOCK.findall(text("docs/extending.md")) if "CatBoost" in code]
    evaluation = yaml.safe_load(conf)["evaluation"]
    assert check_parameters({"evaluation": evaluation})
    project.run(**{**TINY, "evaluation": {**TINY["evaluation"], **evaluation}})
    assert {"CatBoost", "forest"} < {*project.metrics()["baselines"]}


@pytest.mark.long
def test_the_tutorial(project: Project) -> None:
    run_blocks(["docs/benchmarks.md"], project.path)

    judged = project.metrics("tutorial")["train"]
    accuracy, area = (
        re.search(rf"\| {row} \| ([\d.]+)", text("docs/benchmarks.md"))[1]  # type: ignore[index]
        for row in ("accuracy", "ROC AUC")
    )
    assert f"{100 * judged['accuracy']:.1f}" == accuracy
    assert judged["roc_auc"] == pytest.approx(float(area), abs=0.03)


@pytest.mark.long
def test_your_own_network(project: Project) -> None:
    blocks = [code for _, code in BLOCK.findall(text("docs/extending.md")) if "networks" in code]
    module, conf = blocks
    own(project)
    for code in (module, conf):
        path = project.path / code.splitlines()[0].removeprefix("# ")
        path.write_text(code)
    succeeds(project.command("run"))
    assert len(module.splitlines()) <= 15
    told = re.search(r"an AUC of (0\.\d+)", text("docs/extending.md"))
    assert told
    assert project.metrics()["test"]["roc_auc"] == pytest.approx(float(told[1]), abs=0.03)


@pytest.mark.integration
def test_tracking(project: Project) -> None:
    shutil.copy(ROOT / "Makefile", project.path)
    (printed,) = run_blocks(["docs/tracking.md"], project.path)

    assert re.search(r"^19 +0\.\d+ +[01]$", printed, re.MULTILINE)


@pytest.mark.integration
def test_a_cluster(project: Project) -> None:
    run_blocks(["docs/cluster.md"], project.path)

    (manifest,) = finished(project, "cluster")
    assert manifest["scored_rows"] == 20


@pytest.mark.long
def test_a_search_for_parameters(project: Project) -> None:
    (found,) = run_blocks(["docs/tuning.md"], project.path)

    assert re.match(r"0\.[4-7]\d+ \{(?=.*'units': )(?=.*'learning_rate': )", found)
    # The names of conf are the estimator's.
    conf = yaml.safe_load((project.path / "conf/local/parameters.yml").read_text())
    arguments = {**conf["network"]["ensemble"], **conf["training"]}
    assert {*arguments} == {"units", "learning_rate"} <= {*LSTMClassifier().get_params()}
    check_parameters(conf)


@pytest.mark.long
def test_a_pipeline_a_dataset_a_hook_and_another_place_of_metrics(served: Project) -> None:
    churn = own(served)
    run_blocks(["docs/extending.md"], churn.path)

    header, *calls = (churn.path / "data/08_reporting/call_list.txt").read_text().splitlines()
    assert "probability" in header
    assert len(calls) == 3
    succeeds(churn.command("run"))
    (metrics,) = (churn.path / "shared/metrics.json").iterdir()
    assert json.loads((metrics / "metrics.json").read_text())["run_id"] == metrics.name
    assert (churn.path / "shared/latest_metrics.json").is_file()


def test_no_block_is_left_out() -> None:
    languages = {page: {language for language, _ in BLOCK.findall(text(page))} for page in PAGES}

    with_code = {page for page in PAGES if languages[page] & RUN}
    installs = {"CONTRIBUTING.md"}
    alone = {
        f"docs/{name}.md"
        for name in (
            *("your_csv", "your_data", "benchmarks", "tracking", "cluster", "tuning"),
            *("extending", "models"),
        )
    }
    assert with_code == {*OF_THE_STARTER} | alone | installs
    assert set().union(*languages.values()) <= RUN_OR_SHOWN


def test_readme_is_short() -> None:
    assert len(text("README.md").split()) <= 1300


def test_the_documents_are_short() -> None:
    pages = [text(page) for page in PAGES if page.startswith("docs/")]
    # Neither the marks of a table nor those of a list are words.
    assert sum(bool(re.search(r"\w", word)) for page in pages for word in page.split()) <= 10_500


def test_every_dataset_of_the_catalog_has_a_comment() -> None:
    for line in text("conf/base/catalog.yml").splitlines():
        assert not re.match(r"[\w\"]", line) or " # " in line, line


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in LINK.findall(without_blocks(page)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        linked = (ROOT / page).parent / path if path else ROOT / page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked.read_text()), target


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {target.partition("#")[0] for target in LINK.findall(without_blocks("README.md"))}
    assert {page for page in PAGES if page.startswith("docs/")} <= linked


def test_each_promise_names_tests_that_are_there() -> None:
    table, *parts = text("docs/promises.md").split("\n## ")
    promises = [*table.split("| --- |\n")[1].splitlines(), *parts]
    for promise in promises:
        named = re.findall(r"`([\w/]*test_\w+\.py)`", promise)
        assert named, promise
        assert all((ROOT / "tests" / name).is_file() for name in named), named


def test_make_names_tests_that_are_there() -> None:
    named = re.findall(r"(tests/\w[\w/]*)((?:\.py)?)(?:::(\w+))?", text("Makefile"))
    assert any(test for _, _, test in named)
    for path, suffix, test in named:
        assert (ROOT / f"{path}{suffix}").exists(), path
        assert not test or f"\ndef {test}(" in text(f"{path}{suffix}"), test


def test_architecture_names_every_module_and_no_other() -> None:
    (tree,) = [code for kind, code in BLOCK.findall(text("ARCHITECTURE.md")) if "tree" in kind]
    modules = tree.partition("src/tabular_lstm/")[2]
    package = ROOT / "src/tabular_lstm"
    assert {path.stem for path in package.glob("*.py")} - {"__init__"} <= words(modules)
    rooms = dict(re.findall(r"^  (\w+)/ .*: (.*)$", modules, re.MULTILINE))
    assert rooms.keys() == {path.parent.name for path in package.glob("*/__init__.py")} - {
        "pipelines"
    }
    for room, named in rooms.items():
        assert words(named) == {path.stem for path in (package / room).glob("*.py")} - {"__init__"}


def test_architecture_names_every_node(project: Project) -> None:
    flow = text("ARCHITECTURE.md").partition("## Data flow")[2].partition("\n## ")[0]
    nodes = {
        node.name.rpartition(".")[2] for pipeline in pipelines.values() for node in pipeline.nodes
    }
    # What holds for train rows holds for test rows.
    assert {name.replace("test", "train") for name in nodes} <= words(flow)


def test_architecture_gives_the_layers_that_are_checked() -> None:
    rules = text("ARCHITECTURE.md").partition("## The rules")[2]
    contracts = tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    given = re.sub(r"\s+", " ", rules.replace("`", ""))
    assert " → ".join(layers[layers.index("cli | settings | pipeline_registry") :]) in given


def words(markdown: str) -> set[str]:
    return set(re.findall(r"\w+", markdown))


def anchors(markdown: str) -> set[str]:
    """The names by which GitHub links to headings."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
