"""Whole runs on real files, with tiny settings: what is written, by which run, and how alike."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from kedro.framework.session import KedroSession

from tabular_lstm.judging.baselines import CANDIDATE
from tabular_lstm.network.fit import predict
from tabular_lstm.rows.sequences import to_sequences
from tests.helpers.commands import here, message_of
from tests.helpers.outputs import FIGURES, JUDGED, candidate_of, document, predictions_of
from tests.helpers.pages import Parsed
from tests.helpers.project import TINY, Project, declare
from tests.helpers.tables import write_people

OUTPUTS = {
    "02_intermediate/quarantined_rows.csv",
    "03_primary/train_rows.parquet",
    "03_primary/test_rows.parquet",
    "03_primary/history_rows.parquet",
    "03_primary/data_summary.json",
    "04_feature/schema.json",
    "06_models/candidate.keras",
    "06_models/training_log.json",
    "06_models/train_fingerprints.npz",
    "07_model_output/candidate_predictions.csv",
    "07_model_output/baseline_predictions.json",
    "07_model_output/permutation_importance.json",
    "07_model_output/reference.json",
    "08_reporting/metrics.json",
    "08_reporting/verdict.json",
}


def test_default_run_writes_every_output_under_one_run_id(ran: Project) -> None:
    metrics = ran.metrics()
    run_id = metrics["run_id"]
    made = {name for name in ran.files() if not name.startswith("data/01_raw")}
    outputs = {f"data/{output}/{run_id}/{output.split('/')[1]}" for output in OUTPUTS}
    outputs |= {f"data/08_reporting/figures/{run_id}/figures/{name}.svg" for name in FIGURES}
    outputs.add(f"data/08_reporting/report.html/{run_id}/report.html")
    latest = {"data/08_reporting/latest.html", "data/08_reporting/latest_metrics.json"}
    assert made == outputs | latest
    assert metrics["data"]["rows"] == 768
    assert metrics["network"]["asked_for"].startswith("Smooth relations count for ")
    assert metrics["test"].keys() == JUDGED


def test_the_saved_candidate_is_the_judged_one_and_needs_nothing_beside_it(ran: Project) -> None:
    candidate, predictions, metrics = candidate_of(ran), predictions_of(ran), ran.metrics()
    history = document(ran, "06_models/training_log.json")
    schema = candidate.schema.model_dump(mode="json")
    assert schema == document(ran, "04_feature/schema.json")
    assert candidate.calibration.threshold == history["decision_threshold"]
    assert candidate.calibration.threshold == metrics["test"]["decision_threshold"] != 0.5
    assert candidate.calibration.temperature == history["temperature"] != 1
    assert candidate.training["epochs"] == 2
    assert candidate.count_params() == metrics["network"]["parameters"]

    rows = ran.rows("test")
    sequences = to_sequences(rows, candidate.schema)
    assert sequences.shape == (len(rows), 4, 2)
    assert np.isnan(sequences).any()
    # By its own layers as by the fast path that the run took.
    np.testing.assert_allclose(
        candidate.predict(sequences, verbose=0)[:, 0], predictions[CANDIDATE], atol=1e-6
    )
    np.testing.assert_array_equal(predict(candidate, sequences)[:, 1], predictions[CANDIDATE])
    called = predictions[CANDIDATE] >= candidate.calibration.threshold
    accuracy = np.mean(called == rows["diabetes"])
    assert metrics["test"]["accuracy"] == pytest.approx(accuracy, abs=1e-5)


@pytest.mark.long
def test_a_run_in_a_process_of_its_own_is_the_same_to_the_byte_and_logs_plainly(
    ran: Project,
) -> None:
    declare(ran, **TINY)
    threads = str(os.cpu_count())  # the tests themselves compute with one, see conftest.py
    finished = ran.command("run", TF_NUM_INTRAOP_THREADS=threads, OPENBLAS_NUM_THREADS=threads)

    assert finished.returncode == 0, finished.stderr
    candidates = ran.versions("06_models/candidate.keras")
    assert contents(candidates[0]) == contents(candidates[1])
    for output in OUTPUTS - {"06_models/candidate.keras"}:
        same = set()
        for path, candidate in zip(ran.versions(output), candidates, strict=True):
            hashed = hashlib.sha256(candidate.read_bytes()).hexdigest().encode()
            text = path.read_bytes().replace(path.parent.name.encode(), b"RUN")
            same.add(text.replace(hashed, b"SHA-256"))  # of a file with its date
        assert len(same) == 1, output
    first, second = ran.versions("08_reporting/figures")
    for name in FIGURES:
        assert (first / f"{name}.svg").read_bytes() == (second / f"{name}.svg").read_bytes()

    assert finished.stderr == ""
    assert not set(finished.stdout) & {"\r", "\b", "\x1b"}
    verdict = document(ran, "08_reporting/verdict.json")
    last_lines = finished.stdout.splitlines()[-len(verdict) - 2 :]
    *sentences, report, end = [line.partition("INFO    ")[2] for line in last_lines]
    assert sentences == verdict
    assert len([line for line in verdict if "ahead of the candidate" not in line]) == 5
    # The page is that of a retraining without what only a decision can say.
    page = Path(report.removeprefix("Report: "))
    assert page == ran.versions("08_reporting/report.html")[-1]
    assert (
        end
        == "This run did not decide which model serves. To decide: kedro run --pipelines retraining"
    )
    assert (ran.path / "data/08_reporting/latest.html").read_bytes() == page.read_bytes()
    shown = Parsed(page.read_text()).text
    first, *sections = shown.split("§ ")
    assert first.startswith("Judged: run ")
    assert "This run did not decide which model serves." in first
    assert "What drives the prediction glucose " in first
    headings = ("The models compared", "The data", "The features", "The figures", "Small print")
    for section, heading in zip(sections, headings, strict=True):
        assert section.startswith(heading)


def contents(keras_file: Path) -> dict[str, bytes]:
    """Read a .keras file, but for the date in it."""
    with zipfile.ZipFile(keras_file) as file:
        assert set(file.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}
        return {name: file.read(name) for name in ("config.json", "model.weights.h5")}


# Other processors

# Makefile says what they do.
OTHER_PROCESSOR = {
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX2 FMA3 AVX512F AVX512_SKX",
}


# Without the hooks, which refuse to continue from another run's outputs.
JUDGE_AGAIN = """
from pathlib import Path
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner
from tabular_lstm.datasets.tables import own_entry
from tabular_lstm.engine import Engine
from tabular_lstm.parameters.runs import EngineOptions
from tabular_lstm.runs.guards import check_parameters
from tabular_lstm.runs.provenance import provenance

bootstrap_project(Path.cwd())
with KedroSession.create() as session:
    context = session.load_context()
    catalog, conf = context.catalog, context.config_loader
    run_id = catalog.get("metrics").resolve_save_version()
    run_of = run_id, Path.cwd(), None, check_parameters(conf["parameters"])
    catalog.save("provenance", provenance(*run_of, own_entry(conf["catalog"]["raw_rows"])))
    catalog.save("run_id", run_id)
    catalog.save("engine", Engine(EngineOptions()))
    pipeline = pipelines["reshaping"] + pipelines["evaluation"]
    SequentialRunner().run(pipeline, catalog)
"""


@pytest.mark.long
def test_another_processor_judges_the_same_candidate_to_the_same_bytes(project: Project) -> None:
    write_people(project)
    for name, block in TINY.items():  # beside what `write_people` declares
        path = project.path / f"conf/local/parameters_{name}.yml"
        path.write_text(json.dumps({name: block}))
    project.run()
    finished = project.python("-c", JUDGE_AGAIN, **OTHER_PROCESSOR)
    assert finished.returncode == 0, finished.stderr

    for output in (
        "07_model_output/candidate_predictions.csv",
        "07_model_output/baseline_predictions.json",
        "07_model_output/permutation_importance.json",
        "08_reporting/verdict.json",
        "08_reporting/metrics.json",
    ):
        one, other = project.versions(output)
        # A run's own id is in its metrics.
        same = other.read_text().replace(other.parent.name, one.parent.name)
        assert same == one.read_text(), output


# The command


def test_what_is_not_there_to_start_from_is_named(project: Project) -> None:
    message = message_of(here("run", "--env", "tutorial", "--pipelines", "evaluation"))
    assert "train_" in message
    assert "candidate" in message
    assert "@" not in message
    assert message.endswith("run everything: kedro run --env tutorial.")


def test_every_entry_of_the_catalog_is_used(project: Project) -> None:
    from kedro.framework.project import pipelines  # noqa: PLC0415

    with KedroSession.create(project.path) as session:
        entries = session.load_context().config_loader["catalog"].keys()
    used = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    used |= {"predictions", "quarantined_rows_to_score"}  # are for people to load
    assert {name for name in entries if "{" not in name} <= used
