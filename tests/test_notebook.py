"""The notebooks run from top to bottom on a real run's outputs."""

import shutil

import nbclient
import nbformat
import pytest

from tabular_lstm.task import CLASSES, NUMBER
from tests.helpers.once import Once
from tests.helpers.project import ROOT, TINY, Project
from tests.helpers.tables import write_people, write_task


@pytest.mark.long
@pytest.mark.parametrize(("rows", "figures"), [("people with dates", 7), (CLASSES, 5), (NUMBER, 4)])
def test_explore_runs_on_the_last_run(
    project: Project, once: Once, rows: str, figures: int
) -> None:
    if rows == "people with dates":
        write_people(project, dates=True)
    else:
        write_task(project, rows)
    # A retraining of a task by this name is another run.
    name = f"{rows}, run" if rows in {CLASSES, NUMBER} else rows
    once(name, project, lambda: project.run(**TINY))
    shutil.copytree(ROOT / "notebooks", project.path / "notebooks")
    notebook = nbformat.read(project.path / "notebooks/explore.ipynb", as_version=4)

    resources = {"metadata": {"path": str(project.path / "notebooks")}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = "".join(output.get("text", "") for output in outputs)
    assert "The candidate" in texts
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 1
    assert kinds.count("image/svg+xml") == figures


@pytest.mark.long
def test_fit_compares_explains_a_row_and_shows_the_report(served: Project) -> None:
    shutil.copytree(ROOT / "notebooks", served.path / "notebooks")
    notebook = nbformat.read(served.path / "notebooks/fit.ipynb", as_version=4)
    resources = {"metadata": {"path": str(served.path / "notebooks")}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()

    fit, compared, reasons, report = [
        cell.outputs[-1] for cell in notebook.cells if cell.cell_type == "code"
    ]
    assert fit["text"].startswith("ROC AUC 0.")
    assert "LSTMClassifier" in compared["data"]["text/plain"]
    assert "reason_3" in reasons["data"]["text/plain"]
    assert "&lt;!doctype html&gt;" in report["data"]["text/html"]
