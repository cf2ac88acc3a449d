"""An artifact loads to the network that was saved, and a file that brings code along is refused."""

from pathlib import Path

from tabular_lstm.files import sha256
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.task import NUMBER
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


def test_what_a_row_is_not_given_is_said_in_the_word_of_the_task(tmp_path: Path) -> None:
    ensemble_of(schema_of(task=NUMBER)).save(tmp_path / "candidate.keras")
    message = Artifact.read(tmp_path / "candidate.keras").no_prediction("row 1", "Restore another")
    assert "no prediction for row 1" in str(message)
