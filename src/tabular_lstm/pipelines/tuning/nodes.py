"""Search for parameters by their out-of-fold loss, and draw the trials."""

from pathlib import Path

from tabular_lstm.engine import Engine, one_by_one
from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Network, Training, Tuning
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.schema import Schema
from tabular_lstm.tuning.trials import Study, TrialTask

# Only the functions import Optuna: Kedro imports every pipeline to list them.


def search_parameters(
    schema: Schema,
    network: Network,
    training: Training,
    tuning: Tuning,
    engine: Engine,
    train_set: LabelledSet,
    study_database: Path,
) -> Study:
    """Run the trials that the study of these rows and parameters still lacks."""
    if network.kind != "ensemble":
        raise DataError(
            f"network.kind = {network.kind}: it has no out-of-fold predictions, by which "
            "parameters are compared; a tuning expects kind ensemble."
        )
    from tabular_lstm.tuning.search import search  # noqa: PLC0415

    task = TrialTask(schema, network, training, train_set)
    return search(study_database, task, tuning, engine.workers or one_by_one)


def draw_tuning(study: Study) -> dict[str, str]:
    """Draw the figures as SVG, by the names of `judging.drawing.TUNING_FIGURES`."""
    from tabular_lstm.tuning.search import draw  # noqa: PLC0415

    return draw(study)
