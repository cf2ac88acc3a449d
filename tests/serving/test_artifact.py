"""An artifact loads to the network that was saved, and a file that brings code along is refused."""

from pathlib import Path

import keras
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
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


# Files that are no network of this project


def with_a_lambda(path: Path, marker: Path) -> None:
    """Save a model whose layer runs code when it is loaded without safe mode."""
    code = f"lambda x: __import__('pathlib').Path({str(marker)!r}).touch() or x"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(eval(code))])
    model.save(path)
    marker.unlink()
    keras.saving.load_model(path, safe_mode=False)
    marker.unlink()  # so it does run, where it may


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path, marker = tmp_path / "candidate.keras", tmp_path / "code ran"
    with_a_lambda(path, marker)
    said = r"candidate\.keras: .*a network of kind ensemble \(tabular_lstm>LSTMEnsemble\), got 'S"
    with pytest.raises(DataError, match=said):
        _ = Artifact(path.read_bytes(), str(path)).network
    assert not marker.exists()
