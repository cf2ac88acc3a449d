"""What a run leaves on disk, read as a user would."""

import json
import re
from typing import Any

import keras
import pandas as pd

from tests.helpers.project import Project

RUN_ID = re.compile(r"\d{4}-\d\d-\d\dT[\d.]+Z.*")
# What metrics.json holds of every model.
JUDGED = {
    *("accuracy", "roc_auc", "average_precision", "log_loss", "brier_score"),
    *("expected_calibration_error", "confusion_matrix", "decision_threshold"),
    *("precision", "recall", "f1", "interval"),
}
# The figures of a run of two classes, in the order in which they are shown.
FIGURES = [
    *("partial_dependence", "learning_curves", "roc_curve", "precision_recall_curve"),
    *("calibration_curve", "confusion_matrix", "importance_chart"),
]


def document(project: Project, output: str) -> Any:
    """Read the newest version of a JSON output."""
    return json.loads(project.versions(output)[-1].read_text())


def candidate_of(project: Project) -> keras.Model:
    """Load the newest candidate, which may hold no code."""
    return keras.saving.load_model(
        project.versions("06_models/candidate.keras")[-1], safe_mode=True
    )


def predictions_of(project: Project) -> pd.DataFrame:
    """Read the newest candidate_predictions.csv."""
    path = project.versions("07_model_output/candidate_predictions.csv")[-1]
    return pd.read_csv(path, index_col="row")


def key_paths(value: Any, path: str = "") -> set[str]:
    """Name all keys of a JSON value: `a.b`, and `a[].b` in lists; a run id is called `RUN`."""
    if isinstance(value, dict):
        named = ((RUN_ID.sub("RUN", key), inner) for key, inner in value.items())
        return {path}.union(*(key_paths(inner, f"{path}.{key}") for key, inner in named))
    if isinstance(value, list):
        return {path}.union(*(key_paths(inner, f"{path}[]") for inner in value))
    return {path}
