"""The champion: the artifact that the promotion log names, and how programs score rows with it."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.environments import (
    output_folder,
    refuse_no_name,
    refuse_unknown,
    run_command,
    with_model,
)
from tabular_lstm.errors import DataError, NoChampionError, row_list
from tabular_lstm.network.score import score
from tabular_lstm.parameters.columns import ColumnsOptions, delay_of
from tabular_lstm.rows.schema import Schema
from tabular_lstm.rows.sequences import to_sequences
from tabular_lstm.rows.timeline import read_sequences
from tabular_lstm.serving.answers import Answers, answers_of, have_none, reason_columns
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.promotion_log import (
    CANDIDATES,
    LOG,
    Versions,
    distinct_standing,
    read_log,
)


@dataclass(frozen=True)
class Champion:
    """The model that was serving when it was loaded; a later promotion does not change it.

    Use `load_champion` to create one. It predicts the label `schema.label`: the classes
    `schema.task.classes`, in this order, or a number, even if conf has changed since.
    """

    artifact: Artifact
    run_command: str

    @property
    def file(self) -> str:
        """Path of its file: the candidate of the run named in the promotion log."""
        return self.artifact.file

    @property
    def run_id(self) -> str:
        """ID of the run that trained it."""
        return str(self.artifact.run_id)

    @property
    def sha256(self) -> str:
        """SHA-256 hash of its file, as recorded in the promotion log."""
        return self.artifact.sha256

    @property
    def schema(self) -> Schema:
        """The features it needs, and what was learned about each."""
        return self.artifact.scorer.schema

    @property
    def threshold(self) -> float | None:
        """Lowest probability of a positive decision; None unless the task is two classes."""
        calibration = self.artifact.scorer.calibration
        return calibration.threshold if self.schema.task.has_threshold else None

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Predict each row's probabilities.

        Args:
            rows: See `predict`.

        Returns:
            float64 (rows, classes), in the order of `schema.task.classes`; with two classes, the
            negative class comes first.

        Raises:
            DataError: See `predict`; or the label is a number.
        """
        self._refuse(not self.schema.task.classes, "no probabilities")
        return self._predictions(rows)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Predict each row's class, as the label's own value, or its number.

        Cells are read as in training, as numbers or text. NaN, None and the declared codes mean
        missing; see `tabular_lstm.rows.sequences.slots_of`. A champion trained on histories also
        predicts every row, from the row itself and the customer's earlier rows in the frame.

        Args:
            rows: A frame with the columns `schema.columns`, in any order; histories also need
                `schema.roles`. Other columns are ignored.

        Raises:
            DataError: A column is missing or occurs twice, or a value is not a number or is out of
                bounds. The error names the column and the rows, counted from 1.
        """
        return self._answers.values(self._predictions(rows))

    def predict_interval(self, rows: pd.DataFrame, coverage: float | None = None) -> np.ndarray:
        """Predict an interval for each row.

        About the share `coverage` of the intervals contain the true number.

        Args:
            rows: See `predict`.
            coverage: A share from 0.5 to 0.99. Default: the declared `training.coverage`.

        Returns:
            float64 (rows, 2): the lower and the upper end.

        Raises:
            DataError: See `predict`; or the label is not a number, or the coverage is out of range.
        """
        self._refuse(bool(self.schema.task.classes), "no intervals")
        return self._predictions(rows, coverage)[:, 1:]

    def frame(self, rows: pd.DataFrame, reasons: int = 0) -> pd.DataFrame:
        """Return the columns that a scoring writes for each row, with the index of `rows`.

        Args:
            rows: See `predict`.
            reasons: How many features to name for each row, with their effects: those that change
                its prediction most; see `scoring.reasons`. Default: none.

        Raises:
            DataError: See `predict`.
        """
        predictions, named = self._predictions(rows), {}
        if reasons:
            sequences = read_sequences(rows, self.schema)
            named = reason_columns(self.artifact.scorer, sequences, predictions, reasons)
        columns = {name: column.to_pandas() for name, column in named.items()}
        return pd.DataFrame({**self._answers.frame(predictions), **columns}).set_axis(rows.index)

    def _refuse(self, is_other_task: bool, missing_output: str) -> None:
        if is_other_task:
            raise DataError(
                f"{self.file}: the champion gives {self._answers.gives}, but {missing_output}."
            )

    @cached_property
    def _answers(self) -> Answers:
        return answers_of(self.artifact.scorer)

    def _predictions(self, rows: pd.DataFrame, coverage: float | None = None) -> np.ndarray:
        if not isinstance(rows, pd.DataFrame):
            raise DataError(f"Expected the rows as a pandas DataFrame, got {type(rows).__name__}.")
        sequences = read_sequences(rows, self.schema)
        predictions = score(self.artifact.scorer, sequences, coverage=coverage)
        if (unpredicted_rows := np.flatnonzero(have_none(predictions)) + 1).size:
            advice = f"To restore the champion before it: {self.run_command} --pipelines rollback"
            raise self.artifact.no_prediction(row_list(unpredicted_rows.tolist()), advice)
        return predictions


class MLflowModel:
    """A candidate as `mlflow.pyfunc.load_model` wraps it: without Kedro, TensorFlow or pickle.

    It returns the columns that a scoring writes, with the label's values as in training: the
    `probability` of the positive class, or of each class, and `decision`; for a number,
    `prediction`, `lower` and `upper`.
    """

    def __init__(self, candidate: Champion) -> None:
        self._candidate = candidate

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Predict each row, keeping the rows' index; `params` is not used."""
        return self._candidate.frame(model_input)


def _load_pyfunc(path: str) -> MLflowModel:
    """Load the model; MLflow calls this."""
    return MLflowModel(Champion(Artifact.read(Path(path)), "kedro run"))


def declared_task(schema_or_columns: Schema | ColumnsOptions) -> dict[str, str]:
    """Return what is predicted, and the histories, by name in conf, with values as text."""
    classes = None if schema_or_columns.classes is None else [*schema_or_columns.classes]
    history = schema_or_columns.history
    known_after = history.known_after if history else None
    declared = {
        "label": schema_or_columns.label,
        "positive_class": schema_or_columns.positive_class,
        "negative_class": schema_or_columns.negative_class,
        "classes": classes,
        "task": None if schema_or_columns.task.classes else "number",
        # Not `steps`: the number of earlier rows does not change what is predicted.
        "history.of": history and history.of,
        "history.order": history
        and ([history.order, history.then] if history.then else history.order),
        "history.known_after": None if known_after is None else delay_of(known_after),
    }
    return {name: "not set" if value is None else repr(value) for name, value in declared.items()}


def changes_of_task(then: Schema, now: Schema | ColumnsOptions) -> list[str]:
    """Say how the task has changed, such as "columns.label was 'y' and is 'z'"."""
    declared_then, declared_now = declared_task(then), declared_task(now)
    return [
        f"columns.{name} was {value} and is {declared_now[name]}"
        for name, value in declared_then.items()
        if value != declared_now[name]
    ]


def refuse_other_task(artifact: Artifact, columns: ColumnsOptions, run_command: str = "") -> None:
    """Refuse a champion whose task differs from conf: it predicts another class, or a number.

    A champion whose histories consist of other rows is refused, too. With `run_command`, the error
    also says how to promote a new champion.

    Raises:
        DataError: The task differs. The error says what the champion gives, what has changed, and
            what to do.
    """
    if changed := changes_of_task(artifact.scorer.schema, columns):
        start_over_advice = (
            f" Or, to promote one with today's conf, judged without it: {run_command} --pipelines "
            "retraining --params promotion.start_over=true."
        )
        raise DataError(
            f"{artifact.file}: the champion gives {answers_of(artifact.scorer).gives}; since it "
            f"was trained, {', '.join(changed)}. Change conf back."
            f"{start_over_advice if run_command else ''}"
        )


def read_champion(outputs: Path, run_command: str) -> Artifact:
    """Read the artifact named in the last line of the promotion log in the folder `outputs`.

    Raises:
        DataError: There is no champion yet, its file cannot be read or is not the promoted one, or
            `read_log` fails. The error says what to do.
    """
    log, retraining = read_log(outputs / LOG), f"{run_command} --pipelines retraining"
    if not log or log[-1].serves_now is None:
        last = f"The last candidate was rejected: {log[-1].reason}. " if log else ""
        raise NoChampionError(
            f"{outputs / LOG}: no champion yet. {last}{retraining} trains and judges a candidate, "
            "and promotes it if it passes."
        )
    versions = Versions(outputs / CANDIDATES, Artifact.read)
    run, expected = log[-1].serves_now, log[-1].sha256
    artifact = versions.get(run)
    if artifact is None or artifact.sha256 != expected:
        file_state = f"has SHA-256 {artifact.sha256}" if artifact else "does not exist"
        earlier = distinct_standing(log, 2)[1:]
        rollback = f"Or, to let the champion before it serve: {run_command} --pipelines rollback. "
        raise DataError(
            f"{versions.path(run)} {file_state}; expected {expected}, that of the champion in the "
            "promotion log. It was not loaded. Restore that file from a copy. "
            f"{rollback if earlier else ''}Or, to promote a new one, judged without it: "
            f"{retraining} --params promotion.start_over=true."
        )
    return replace(artifact, run_id=run)


def load_champion(project: str | Path = ".", env: str | None = None) -> Champion:
    """Load the serving model, checked against the promotion log.

    Args:
        project: The project's folder. Default: the current folder.
        env: The conf environment; `stores/at` names one of several models. Default: the variable
            KEDRO_ENV, as in every Kedro command, else the base environment.

    Raises:
        DataError: A `ValueError`: there is no champion yet, its file is not the one that the
            promotion log names, or the environment has several models. The error says what to do.
    """
    env = env or os.environ.get("KEDRO_ENV") or None
    for part in (env or "").split("/", 1):
        refuse_no_name(part, f"{project}/conf")
    outputs, command = Path(project) / output_folder(env), run_command(env)
    if not (outputs / LOG).exists():
        refuse_unknown((env or "").partition("/")[0], f"{project}/conf")
        logs = Path(project).glob(f"{output_folder(with_model(env, '*'))}/{LOG}")
        if models := sorted(path.relative_to(project).parts[2] for path in logs):
            raise DataError(
                f"{outputs}: environment {env or 'base'} has several models: expected one of them, "
                f'such as env="{with_model(env, models[0])}". They are {", ".join(models)}.'
            )
    artifact = read_champion(outputs, command)
    champion = Champion(artifact, command)
    # Read the whole file now, so that scoring the first row is not delayed.
    blank = pd.DataFrame(np.nan, [0], champion.schema.columns)
    score(artifact.scorer, to_sequences(blank, champion.schema))
    return champion
