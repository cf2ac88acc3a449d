"""The champion: the artifact that the promotion log names, and how a program scores rows by it."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.environments import output_folder, refuse_no_name, run_command
from tabular_lstm.errors import DataError, row_list
from tabular_lstm.network.score import score
from tabular_lstm.parameters import Columns
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion_history import CANDIDATES, LOG, Versions
from tabular_lstm.serving.promotion_log import read_log

# Which probability a champion gives, by the names that schema and conf have for it.
CLASSES = ("label", "positive_class", "negative_class")


@dataclass(frozen=True)
class Champion:
    """The model that served when it was loaded; a promotion meanwhile changes nothing in it.

    Made by `load_champion`. Its probabilities are those of the value `schema.positive_class` of the
    label `schema.label`, whatever conf says by now.
    """

    artifact: Artifact
    run_command: str

    @property
    def file(self) -> str:
        """Name its file: the candidate's of the run that the promotion log names."""
        return self.artifact.file

    @property
    def run_id(self) -> str:
        """Name the run that trained it."""
        return str(self.artifact.run_id)

    @property
    def sha256(self) -> str:
        """Give the hash of its file, as the promotion log has it."""
        return self.artifact.sha256

    @property
    def schema(self) -> Schema:
        """Tell which features it needs, and what was learned of each."""
        return self.artifact.scorer.schema

    @property
    def threshold(self) -> float:
        """Give the probability from which a row is called positive."""
        return self.artifact.scorer.calibration.threshold

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Give each row's probabilities.

        Cells are read as in training: numbers or text, NaN, None and the declared codes where
        missing; see `tabular_lstm.rows.sequences.lay_out`.

        Args:
            rows: A frame with the columns `schema.columns`, in any order and among others.

        Returns:
            float64 (rows, 2): of the negative class, of the positive class.

        Raises:
            DataError: A column is missing or there twice, or a value is not a number or outside
                its bounds; names the column and the rows, counted from 1.
        """
        if not isinstance(rows, pd.DataFrame):
            raise DataError(f"Expected the rows as a pandas DataFrame, got {type(rows).__name__}.")
        positive = score(self.artifact.scorer, to_sequences(rows, self.schema))
        if (none := np.flatnonzero(np.isnan(positive)) + 1).size:
            way = f"To restore the champion before it: {self.run_command} --pipelines rollback"
            raise self.artifact.no_probability(row_list(none.tolist()), way)
        return np.column_stack([1 - positive, positive])

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Give each row's class, the label's own value: the positive one from `threshold` on."""
        classes = [self.schema.negative_class, self.schema.positive_class]
        of_one_type = type(classes[0]) is type(classes[1])
        positive = self.predict_proba(rows)[:, 1] >= self.threshold
        return np.array(classes, None if of_one_type else object)[positive.astype(np.intp)]


class MLflowModel:
    """A candidate as `mlflow.pyfunc.load_model` wraps it: without Kedro, TensorFlow or pickle.

    Its `probability` is that of the label's positive class when it was trained, and its `decision`
    one of the label's values.
    """

    def __init__(self, candidate: Champion) -> None:
        self._candidate = candidate

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Give each row's probability and decision, with the rows' index; MLflow has no params."""
        positive = self._candidate.predict_proba(model_input)[:, 1]
        schema, threshold = self._candidate.schema, self._candidate.threshold
        values = schema.positive_class, schema.negative_class
        decided = [values[0] if p >= threshold else values[1] for p in positive]
        return pd.DataFrame({"probability": positive, "decision": decided}, model_input.index)


def _load_pyfunc(path: str) -> MLflowModel:
    """Load the model; MLflow calls this."""
    return MLflowModel(Champion(Artifact.read(Path(path)), "kedro run"))


def refuse_other_classes(artifact: Artifact, columns: Columns, run_command: str) -> None:
    """Stop where a champion gives the probability of another class than the one that conf names.

    Raises:
        DataError: Names label and classes, the champion's and conf's, and the two ways out.
    """
    schema = artifact.scorer.schema
    its, now = ({name: getattr(of, name) for name in CLASSES} for of in (schema, columns))
    if its == now:
        return
    changed = [name for name in CLASSES if its[name] != now[name]]
    listed = ", ".join(f"columns.{name} was {its[name]!r} and is {now[name]!r}" for name in changed)
    raise DataError(
        f"{artifact.file}: the champion gives the probability of {its['label']} = "
        f"{its['positive_class']!r}; since it was trained, {listed}. Set conf back. Or, to promote "
        f"one with today's conf, judged without it: {run_command} --pipelines retraining --params "
        "promotion.start_over=true."
    )


def read_champion(outputs: Path, run_command: str) -> Artifact:
    """Read the artifact that the last line of the promotion log below the outputs names.

    Raises:
        DataError: There is no champion yet, or its file is not what was promoted or cannot be
            read; says what to do.
    """
    log, retraining = read_log(outputs / LOG), f"{run_command} --pipelines retraining"
    if not log or log[-1].serves_now is None:
        last = f"The last candidate was rejected: {log[-1].reason}. " if log else ""
        raise DataError(
            f"{outputs / LOG}: no champion yet. {last}{retraining} trains and judges a candidate, "
            "and promotes it if it passes."
        )
    versions = Versions(outputs / CANDIDATES, Artifact.read)
    run, expected = log[-1].serves_now, log[-1].sha256
    artifact = versions.get(run)
    if artifact is None or artifact.sha256 != expected:
        found = f"has SHA-256 {artifact.sha256}" if artifact else "is not there"
        raise DataError(
            f"{versions.path(run)} {found}; expected {expected}, of the champion that the "
            "promotion log names. It was not loaded. Put a copy of that file there. Or, to let the "
            f"champion before it serve: {run_command} --pipelines rollback. Or, to promote a new "
            f"one, judged without it: {retraining} --params promotion.start_over=true."
        )
    return replace(artifact, run_id=run)


def load_champion(project: str | Path = ".", env: str | None = None) -> Champion:
    """Load the model that serves, checked against the promotion log.

    Args:
        project: The project's folder. Default: the current one.
        env: The environment of conf. Default: that of the variable KEDRO_ENV, as in every Kedro
            command, or else the base one.

    Raises:
        DataError: A `ValueError`: there is no champion yet, or its file is not what the promotion
            log names; says what to do.
    """
    env = env or os.environ.get("KEDRO_ENV") or None
    refuse_no_name(env, f"{project}/conf")
    outputs, command = Path(project) / output_folder(env), run_command(env)
    artifact = read_champion(outputs, command)
    champion = Champion(artifact, command)
    # Reads the whole file, and does what only the first of all rows would wait for.
    blank = pd.DataFrame(np.nan, [0], champion.schema.columns)
    score(artifact.scorer, to_sequences(blank, champion.schema))
    return champion
