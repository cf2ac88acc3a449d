"""Whole runs on real files, with tiny settings: what is written, by which run, and how alike."""

import json
import math
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from kedro.framework.session import KedroSession

from tests.conftest import JUDGED, TINY, Project

FIGURES = {
    "learning_curves",
    "roc_curve",
    "precision_recall_curve",
    "calibration_curve",
    "confusion_matrix",
    "importance_chart",
    "score_distribution",
}
OUTPUTS = {
    "02_intermediate/quarantined_rows.csv",
    "03_primary/train_rows.parquet",
    "03_primary/test_rows.parquet",
    "03_primary/data_summary.json",
    "04_feature/schema.json",
    "06_models/candidate.keras",
    "06_models/history.json",
    "07_model_output/candidate_predictions.csv",
    "07_model_output/baseline_predictions.csv",
    "07_model_output/permutation_importance.json",
    "08_reporting/metrics.json",
    "08_reporting/verdict.json",
    *(f"08_reporting/{figure}.json" for figure in FIGURES),
}


def assert_plain(value: Any) -> None:
    """Plain JSON has no NaN and no infinity."""
    if isinstance(value, dict):
        for item in value.values():
            assert_plain(item)
    elif isinstance(value, float):
        assert math.isfinite(value)


def test_default_run_writes_every_output_under_one_run_id(project: Project) -> None:
    project.run(**TINY)

    metrics = project.metrics()
    run_id = metrics["run_id"]
    made = {name for name in project.files() if not name.startswith("data/01_raw")}
    assert made == {f"data/{output}/{run_id}/{output.split('/')[1]}" for output in OUTPUTS}
    for output in OUTPUTS:
        versions = project.versions(output)
        assert [path.parent.name for path in versions] == [metrics["run_id"]], output
        assert versions[0].is_file(), output
    assert metrics["data"] == {
        "rows": 768,
        "train_rows": len(project.rows("train")),
        "test_rows": len(project.rows("test")),
        "quarantined_rows": 0,
        "sha256": "f4c6936f67e9a45bad544a19ce099edfd35348fd41737d2f5b42bc887e19f4db",
    }
    assert metrics["network"].keys() >= {"kind", "parameters", "epochs"}
    assert metrics["evaluated_on"] == "test"
    assert metrics["test"].keys() == JUDGED
    assert metrics["test"]["interval"].keys() == {"accuracy", "roc_auc", "log_loss"}
    assert metrics["baselines"].keys() == {
        "majority_class",
        "logistic_regression",
        "hist_gradient_boosting",
    }
    for baseline in metrics["baselines"].values():
        assert baseline.keys() == JUDGED | {"network_minus_baseline"}
    assert_plain(metrics)


def test_the_saved_candidate_is_the_judged_one(project: Project) -> None:
    project.run(**TINY)

    candidate = keras.saving.load_model(
        project.versions("06_models/candidate.keras")[-1], safe_mode=True
    )
    rows = project.rows("test")
    schema = json.loads(project.versions("04_feature/schema.json")[-1].read_text())
    features = rows[schema["features"]].copy()
    for name, codes in schema["missing"].items():
        features.loc[features[name].isin(codes), name] = np.nan
    sequences = features.to_numpy(np.float32).reshape(len(rows), 4, 2)
    predicted = candidate.predict(sequences, verbose=0)[:, 0]

    accuracy = np.mean((predicted >= 0.5) == rows["diabetes"])
    assert accuracy == pytest.approx(project.metrics()["test"]["accuracy"])


def test_two_runs_are_alike_to_the_byte_but_for_the_run_id(project: Project) -> None:
    parameters = {**TINY, "network": {"stacked": {"units": [8, 4], "dropout": 0.4}}}
    project.run(**parameters)
    project.run(**parameters)

    first, second = (
        path.read_text().replace(path.parent.name, "RUN")
        for path in project.versions("08_reporting/metrics.json")
    )
    assert first == second
    models = [keras.saving.load_model(p) for p in project.versions("06_models/candidate.keras")]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_gives_other_weights(project: Project) -> None:
    project.run(**TINY)
    project.run(**{**TINY, "training": {"epochs": 2, "seed": 1}})

    one, other = project.versions("06_models/candidate.keras")
    weights = [keras.saving.load_model(path).get_weights()[0] for path in (one, other)]
    assert not np.array_equal(*weights)


def test_tutorial_is_evaluated_on_its_train_rows_and_kept_apart(project: Project) -> None:
    project.run(**TINY)
    before = project.files()
    project.run(env="tutorial", evaluation=TINY["evaluation"])

    metrics = project.metrics("tutorial")
    assert metrics["evaluated_on"] == "train"
    assert metrics["data"]["train_rows"] == 768
    assert metrics["data"]["test_rows"] == 0
    assert metrics["network"] == {
        "kind": "tutorial",
        "parameters": 38,
        "epochs": 20,
        "best_epoch": 20,
    }
    # The tutorial's network hardly leaves the majority class, 65.10 %.
    assert metrics["train"]["accuracy"] == pytest.approx(0.651, abs=0.05)
    after = project.files()
    assert {name: after[name] for name in before} == before


def test_power_demand_is_read_hour_by_hour(project: Project) -> None:
    project.run(env="italy_power_demand", **TINY)

    schema = json.loads(
        project.versions("04_feature/schema.json", "italy_power_demand")[-1].read_text()
    )
    assert (schema["steps"], schema["features_per_step"]) == (24, 1)
    assert schema["features"] == [f"hour_{hour:02d}" for hour in range(24)]
    assert project.metrics("italy_power_demand")["data"]["rows"] == 1096


def test_a_csv_with_an_odd_number_of_features_runs_padded(project: Project) -> None:
    table = project.raw.read_text().splitlines()
    project.raw.write_text("\n".join(line.partition(",")[2] for line in table) + "\n")
    columns = {"label": "diabetes", "positive_class": 1, "negative_class": 0}
    (project.path / "conf/local/parameters.yml").write_text(json.dumps({"columns": columns}))
    project.run(**TINY)

    schema = json.loads(project.versions("04_feature/schema.json")[-1].read_text())
    assert (len(schema["features"]), schema["steps"]) == (7, 4)
    assert project.metrics()["data"]["quarantined_rows"] == 0


def test_the_log_ends_with_the_verdict_and_has_no_control_characters(project: Project) -> None:
    finished = project.command(
        "run", "--params", "training.epochs=2,evaluation.bootstrap_resamples=100"
    )

    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert not set(finished.stdout) & {"\r", "\b", "\x1b"}
    verdict = json.loads(project.versions("08_reporting/verdict.json")[-1].read_text())
    last_lines = finished.stdout.splitlines()[-len(verdict) :]
    assert [line.partition("INFO    ")[2] for line in last_lines] == verdict
    assert len(verdict) == 4
    assert "epoch 2 of at most 2" in finished.stdout


@pytest.mark.parametrize(
    "command", [("registry", "list"), ("run", "--pipelines", "data_processing")]
)
def test_tensorflow_is_not_imported_without_need(
    project: Project, command: tuple[str, ...]
) -> None:
    program = (
        "import sys\n"
        "from kedro.framework.cli.cli import main\n"
        f"sys.argv = ['kedro', *{command!r}]\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as exit:\n"
        "    assert not exit.code, exit.code\n"
        "print('tensorflow' in sys.modules or 'keras' in sys.modules)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project.path,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.stdout.splitlines()[-1] == "False"


def test_the_package_runs_by_its_own_name(project: Project) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "tabular_lstm", "--pipelines", "data_processing"],
        cwd=project.path,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    assert len(project.rows("train")) + len(project.rows("test")) == 768


def test_an_unknown_environment_is_named_in_one_line(project: Project) -> None:
    finished = project.command("run", "--env", "tutorail")

    assert finished.returncode == 1
    assert "tutorail" in finished.stderr
    assert "Traceback" not in finished.stdout + finished.stderr


def test_a_run_can_go_on_from_what_is_on_disk(project: Project) -> None:
    project.run("data_processing")
    project.run("reshaping", "training", **TINY)
    project.run("reshaping", "evaluation", **TINY)

    assert project.metrics()["test"].keys() == JUDGED


@pytest.mark.parametrize("change", ["split.salt=another", "reshaping.features_per_step=4"])
def test_a_candidate_is_not_judged_beside_other_rows_than_its_own(
    project: Project, change: str
) -> None:
    project.run(**TINY)
    finished = project.command(
        "run", "--pipelines", "data_processing,reshaping,evaluation", "--params", change
    )

    assert finished.returncode == 1
    assert "trained on other rows" in finished.stderr
    assert len(project.versions("08_reporting/metrics.json")) == 1


def test_rows_of_two_runs_are_not_mixed(project: Project) -> None:
    """A run killed between its outputs leaves newer train rows than test rows."""
    project.run("data_processing")
    project.run("data_processing", split={"salt": "another"})
    project.versions("03_primary/test_rows.parquet")[-1].unlink()
    finished = project.command("run", "--pipelines", "reshaping,training,evaluation")

    assert finished.returncode == 1
    assert "different runs" in finished.stderr
    assert project.versions("03_primary/train_rows.parquet")[-1].parent.name in finished.stderr


@pytest.mark.parametrize("pipeline", ["reshaping", "training", "evaluation"])
def test_what_is_not_there_to_start_from_is_named(project: Project, pipeline: str) -> None:
    finished = project.command("run", "--pipelines", pipeline)

    assert finished.returncode == 1
    assert finished.stderr.startswith("Error: ")
    assert "train_" in finished.stderr
    assert "kedro run" in finished.stderr


def test_a_run_from_a_subfolder_logs_as_from_the_root(project: Project) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--pipelines", "data_processing"],
        cwd=project.path / "conf",
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    last = finished.stdout.splitlines()[-1]
    assert last.endswith(f"{len(project.rows('test'))} test rows, 33.3 % of them positive")


def test_every_entry_of_the_catalog_is_used(project: Project) -> None:
    from kedro.framework.project import pipelines  # noqa: PLC0415

    with KedroSession.create(project.path) as session:
        entries = session.load_context().config_loader["catalog"].keys()
    used = set(pipelines["__default__"].datasets())
    assert {name for name in entries if "{" not in name} <= used


def test_rows_without_a_probability_stop_the_run_by_name(project: Project) -> None:
    """The tutorial's network takes no missing values, in train rows or in the rows it judges."""
    lines = project.raw.read_text().splitlines()
    lines[7] = lines[7].replace(",31,", ",,")
    project.raw.write_text("\n".join(lines) + "\n")
    finished = project.command("run", "--env", "tutorial", "--params", "training.epochs=1")

    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    assert "row 7 " in finished.stderr
    assert "network.kind: stacked" in finished.stderr
