"""Search for parameters by their out-of-fold log loss, and say what was found."""

import numpy as np

from tabular_lstm.engine import Engine, one_by_one
from tabular_lstm.judging.drawing import to_svg
from tabular_lstm.judging.names import TUNING_FIGURES
from tabular_lstm.parameters import Network, Training, Tuning
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.rows.schema import Schema
from tabular_lstm.tuning import figures
from tabular_lstm.tuning.found import BestParameters, Study, best_of
from tabular_lstm.tuning.search import Search
from tabular_lstm.tuning.trials import TrialTask


def search_parameters(
    schema: Schema,
    network: Network,
    training: Training,
    tuning: Tuning,
    engine: Engine,
    train_set: LabelledSet,
) -> Search:
    """Say what is to be tried; the trials run while it is saved: see `datasets.study`."""
    task = TrialTask(
        schema,
        network,
        training,
        train_set.sequences,
        train_set.labels.to_numpy(np.float32),
        train_set.weights,
        train_set.groups,
    )
    return Search(task, tuning, engine.workers or one_by_one)


def choose_best(
    study: Study, network: Network, training: Training, tuning: Tuning, run_id: str
) -> BestParameters:
    """Take the trial with the lowest log loss, beside that with the present parameters."""
    return best_of(study, network, training, tuning, run_id)


def draw_tuning(study: Study, best_parameters: BestParameters, tuning: Tuning) -> dict[str, str]:
    """Draw the figures as SVG, by the names of `names.TUNING_FIGURES`."""
    drawn = {
        "tuning_history": figures.history(study, best_parameters),
        "tuning_importances": figures.importances(study),
        "tuning_slices": figures.slices(study, best_parameters, tuning.space),
    }
    return {name: to_svg(figure, TUNING_FIGURES[name]) for name, figure in drawn.items()}
