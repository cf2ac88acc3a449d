"""A search: the same trials from the same seed, wherever it was stopped, in Optuna's storage."""

import math
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import optuna
import pandas as pd
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.judging.drawing import TUNING_FIGURES
from tabular_lstm.parameters import NUMBER, TWO_CLASSES, Ensemble, Network, Training, Tuning
from tabular_lstm.rows.labelled_set import LabelledSet
from tabular_lstm.tuning.search import draw
from tabular_lstm.tuning.trials import (
    LOSSES,
    BestParameters,
    Study,
    Trial,
    TrialTask,
    best_of,
    run_trial,
)
from tests.helpers.disks import files_of_at_most
from tests.helpers.networks import schema_of
from tests.helpers.searches import SPACE, StoppedError, ending, searched


def tried(study: Study) -> list[dict[str, Any]]:
    return [trial.model_dump() for trial in study.trials]


def of_optuna(study: Study) -> optuna.Study:
    return optuna.load_study(study_name=study.name, storage=f"sqlite:///{study.database}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A search that nobody stopped."""
    return searched(tmp_path_factory.mktemp("whole"))


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    tmp_path: Path, whole: Study
) -> None:
    """The trial that nobody ended is a failed one, which counts nowhere."""
    with pytest.raises(StoppedError):
        searched(tmp_path, stop_at=6)
    study = searched(tmp_path)
    assert tried(study) == tried(whole)
    assert len(of_optuna(study).get_trials(states=(optuna.trial.TrialState.FAIL,))) == 1


def test_a_full_disk_is_named_and_the_search_goes_on_when_there_is_space(
    tmp_path: Path, whole: Study
) -> None:
    searched(tmp_path, 3)
    database = tmp_path / "studies.db"
    with (
        files_of_at_most(database.stat().st_size),
        pytest.raises(DataError, match=rf"{database}: .*Trials that have ended are kept"),
    ):
        searched(tmp_path, 2000)
    assert tried(searched(tmp_path, 3))[:3] == tried(whole)[:3]


def test_the_first_trial_has_the_present_parameters_whatever_the_space_has(
    tmp_path: Path, whole: Study
) -> None:
    first = whole.trials[0]
    assert first.values == {
        "training.learning_rate": 0.006,
        "training.batch_size": None,
        "network.ensemble.dimensions": 8,
        "network.ensemble.units": [8],
    }
    assert math.isfinite(first.log_loss)
    # For the sampler, as far as the space has them.
    params = of_optuna(whole).trials[0].params
    assert params == {"training.learning_rate": 0.006, "network.ensemble.dimensions": 8}
    # Other present ones, such as those adopted, are tried where they were not yet.
    shutil.copy(whole.database, tmp_path)
    more = searched(tmp_path, training=Training(learning_rate=0.05))
    assert tried(more)[:-1] == tried(whole)
    assert more.trials[-1].values["training.learning_rate"] == 0.05


def test_a_loss_that_is_not_finite_ends_a_trial_and_with_the_present_parameters_the_search(
    tmp_path: Path,
) -> None:
    def fast_diverges(values: dict[str, Any]) -> float:
        return math.inf if values["training.learning_rate"] > 0.03 else ending(values)

    study = searched(tmp_path, 8, end=fast_diverges, at_once=4)
    assert len(study.trials) == 8
    assert {math.isfinite(trial.log_loss) for trial in study.trials} == {True, False}
    fast = Training(learning_rate=0.05)
    for _ in range(2):
        with pytest.raises(DataError, match=r"present parameters.*Lower training.learning_rate"):
            searched(tmp_path, 8, end=fast_diverges, training=fast)


def test_the_best_is_the_complete_trial_with_the_lowest_log_loss(whole: Study) -> None:
    tuning = Tuning.model_validate({"space": SPACE})
    found = best_of(whole, Network(), Training(), tuning, "2026-11-26T22.18.45.038Z")
    lowest = min(trial.log_loss for trial in whole.trials)
    assert found.best.log_loss == lowest == of_optuna(whole).best_value
    assert found.present.trial == 1
    assert found.training.learning_rate == found.best.values["training.learning_rate"]
    assert found.better
    assert "partly luck" in found.sentence()
    alone = whole.model_copy(update={"trials": whole.trials[:1]})
    found = best_of(alone, Network(), Training(), tuning, "2026-11-26T22.18.45.038Z")
    assert "None of 1 trial was better" in found.sentence()


def test_trials_of_a_number_are_trained_and_compared_by_its_squared_error() -> None:
    """Of a label with the standard deviation 4 the error is in shares of its variance."""
    rng = np.random.default_rng(0)
    sequences = rng.normal(size=(80, 2, 2)).astype(np.float32)
    labels = pd.Series(20 + 4 * sequences[:, 0, 0] + rng.normal(size=80))
    schema = schema_of(task=NUMBER)
    network = Network(ensemble=Ensemble(members=2, units=[4], dimensions=3, frequencies=2))
    task = TrialTask(schema, network, Training(epochs=2), LabelledSet(sequences, labels))
    loss = run_trial(task, {})
    assert 0 < loss < 3
    trial = Trial(trial=1, log_loss=loss, values={"training.epochs": 2})
    name = LOSSES[schema.task.kind]
    study = Study(database=Path("x"), name="x", trials=[trial], loss=name)
    tuning = Tuning.model_validate({"space": {"training.epochs": {"low": 1, "high": 9}}})
    found = best_of(study, network, task.training, tuning, "2026-11-26T22.18.45.038Z")
    assert f"parameters: out-of-fold quantile loss {loss:.4f}" in found.sentence()
    assert BestParameters.model_validate_json(found.model_dump_json()) == found
    of_classes = found.model_copy(update={"loss": LOSSES[TWO_CLASSES]})
    assert "loss" in found.model_dump()
    assert "loss" not in of_classes.model_dump(), "as before there were other tasks"


def test_what_a_study_belongs_to_makes_its_name_and_plots_are_drawn_of_one_trial(
    tmp_path: Path, whole: Study
) -> None:
    changes = [{}, {"rows": 42}, {"seed": 3}, {"training": Training(epochs=7)}]
    names = [searched(tmp_path, 1, **change).name for change in changes]
    assert len({*names}) == 4
    assert searched(tmp_path, 1, adopt=True).name == names[0]
    drawn = draw(searched(tmp_path, 1))
    assert [*drawn] == [*TUNING_FIGURES]
    for name, svg in drawn.items():
        assert ElementTree.fromstring(svg)[0].text == TUNING_FIGURES[name]
    # Another seed tries others.
    first, *others = tried(searched(tmp_path, 3, seed=1))
    assert first == tried(whole)[0]
    assert others != tried(whole)[1:3]
