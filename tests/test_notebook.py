"""The notebook runs from top to bottom on a real run's outputs."""

import shutil

import nbclient
import nbformat

from tests.conftest import ROOT, TINY, Project


def test_explore_runs_on_the_last_run(project: Project) -> None:
    shutil.copytree(ROOT / "notebooks", project.path / "notebooks")
    project.run(**TINY)
    notebook = nbformat.read(project.path / "notebooks/explore.ipynb", as_version=4)

    resources = {"metadata": {"path": str(project.path / "notebooks")}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = "".join(output.get("text", "") for output in outputs)
    assert "The network" in texts
    charts = [o for o in outputs if "application/vnd.plotly.v1+json" in o.get("data", {})]
    assert len(charts) == 3
