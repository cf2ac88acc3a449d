"""An artifact loads to the network that was saved, and a file that brings code along is refused."""

from pathlib import Path

import pytest

from tabular_lstm.files import sha256
from tabular_lstm.parameters import NUMBER, TWO_CLASSES
from tabular_lstm.serving.artifact import Artifact
from tests.helpers.networks import assert_same_weights, ensemble_of, schema_of


def test_what_was_hashed_is_what_is_loaded(tmp_path: Path) -> None:
    path, saved = tmp_path / "candidate.keras", ensemble_of(schema_of())
    saved.save(path)
    artifact = Artifact(path.read_bytes(), str(path))
    path.unlink()
    assert artifact.sha256 == sha256(artifact.content)
    assert_same_weights(artifact.network, saved)
    assert artifact.network.schema == schema_of()
    assert artifact.network is artifact.network


@pytest.mark.parametrize(
    ("task", "said"),
    [(TWO_CLASSES, "no probability for row 1"), (NUMBER, "no prediction for row 1")],
)
def test_what_a_row_is_not_given_is_said_in_the_word_of_the_task(
    task: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "candidate.keras"
    ensemble_of(schema_of(task=task)).save(path)
    assert said in str(Artifact.read(path).no_prediction("row 1", "Restore another one"))
