"""Kedro-Viz shows every node, layer and output: its page served, and built."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.project import pipelines

from tests.helpers.project import TINY, Project

pytestmark = pytest.mark.long

GIVEN = {"engine", "provenance"}
LAYERS = ["01_raw", "02_intermediate", "03_primary", "04_feature", "05_model_input"]
LAYERS += ["06_models", "07_model_output", "08_reporting"]
# Of one kind: which of two the rows keep may hang on the processor.
NETWORK = {"ensemble": {"members": 2, "units": [4], "frequency_scale": [0.1]}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was retrained once."""
    project = Project.copied_to(tmp_path_factory.mktemp("viz"))
    with contextlib.chdir(project.path):
        project.run("retraining", **{**TINY, "network": NETWORK, "training": {"epochs": 20}})
        project.run("data_processing")
    pipelines.set_requested(None)
    return project


@pytest.fixture(scope="module")
def address(project: Project) -> Iterator[str]:
    """Serve Kedro-Viz of its base environment."""
    port = free_port()
    log = project.path / "viz.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, *f"-m kedro viz run --no-browser --port={port}".split()],
            cwd=project.path,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_it_answers(f"{address}/api/main", server, log)
        yield address
    finally:
        # The server is a child of the command: end the whole group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def free_port() -> str:
    """Kedro-Viz takes no port above 49151, where the system would choose one."""
    for port in random.sample(range(20000, 30000), 100):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return str(port)
    pytest.fail("no free port among a hundred")


def wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1200):
        assert server.poll() is None, f"kedro viz ended: {log.read_text(errors='replace')[-2000:]}"
        try:
            urllib.request.urlopen(url, timeout=5)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
        else:
            return
    pytest.fail("kedro viz did not answer within ten minutes")


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)


def test_layers_pipelines_and_previews(address: str) -> None:
    main = fetch(f"{address}/api/main")

    assert main["layers"] == LAYERS
    collapsible = {node["name"] for node in main["nodes"] if node["type"] == "modularPipeline"}
    assert collapsible == {"data_processing", "reshaping", "training", "evaluation", "report"}
    datasets = [node for node in main["nodes"] if node["type"] == "data"]
    # No size of another environment stands beside any.
    assert not [n for n in datasets if fetch(f"{address}/api/nodes/{n['id']}").get("stats")]
    assert {node["name"] for node in datasets if node["layer"] is None} == GIVEN
    assert {node["layer"] for node in datasets if node["layer"]} == set(LAYERS)
    in_memory = "io.memory_dataset.MemoryDataset"
    persisted = [node for node in datasets if node["dataset_type"] != in_memory]
    assert len(persisted) == 18
    shown = {node["name"]: fetch(f"{address}/api/nodes/{node['id']}") for node in persisted}
    # Kedro-Viz has no preview of an entry with two types; the champion's shows the layers.
    types = {"datasets.candidate.NetworkDataset", "datasets.candidate.ArtifactDataset"}
    candidate = shown.pop("candidate")
    assert {candidate["original_type"], *candidate["transcoded_types"]} == types
    assert {name for name in shown if not shown[name].get("preview")} == {"train_fingerprints"}


def test_the_gate_the_champion_and_the_decision(address: str) -> None:
    graph = fetch(f"{address}/api/pipelines/retraining")

    assert graph["layers"] == LAYERS
    nodes = {node["name"]: node for node in graph["nodes"]}
    collapsible = {node["id"] for node in graph["nodes"] if node["type"] == "modularPipeline"}
    assert "promotion" in collapsible
    datasets = [node for node in graph["nodes"] if node["type"] == "data"]
    outside = {node["name"] for node in datasets if node["layer"] is None}
    assert outside == {*GIVEN, "champions"}
    gate = {"check_candidate", "predict_with_champions", "decide", "record"}
    assert gate <= nodes.keys()
    report, *found = (
        fetch(f"{address}/api/nodes/{nodes[name]['id']}")["preview"]
        for name in ("report", "decision", "promotions")
    )
    assert "Promoted</h1>" in report
    previews = dict(zip(("decision", "promotions"), map(json.loads, found), strict=True))
    assert previews["decision"]["action"] == "promoted"
    assert previews["decision"]["judgement"]["checks"][0]["name"] == "data"
    assert previews["promotions"][0]["run_id"] == previews["decision"]["run_id"]


def test_every_pipeline_has_its_layers_in_order_and_nodes_that_say_what_they_do(
    address: str,
) -> None:
    for pipeline in fetch(f"{address}/api/main")["pipelines"]:
        graph = fetch(f"{address}/api/pipelines/{pipeline['id']}")
        used = {node.get("layer") for node in graph["nodes"]} - {None}
        # Kedro-Viz lists those of other pipelines too.
        shown = [layer for layer in graph["layers"] if layer in used]
        assert shown == [layer for layer in LAYERS if layer in used], pipeline
        assert shown, pipeline
        for node in graph["nodes"]:
            if node["type"] == "task":
                code = fetch(f"{address}/api/nodes/{node['id']}")["code"]
                assert re.search(r'^    """[A-Z].*\.(""")?$', code, re.MULTILINE), node["name"]


def test_the_page_can_be_built(project: Project) -> None:
    finished = project.command("viz", "build", "--include-previews")

    assert finished.returncode == 0, finished.stderr
    # No notes of TensorFlow's, nor warnings of libraries at each other.
    assert finished.stderr == ""
    built = Path(project.path / "build")
    assert "<html" in (built / "index.html").read_text()
    names = {node["name"] for node in json.loads((built / "api/main").read_text())["nodes"]}
    assert {node.name.rpartition(".")[2] for node in pipelines["__default__"].nodes} <= names
