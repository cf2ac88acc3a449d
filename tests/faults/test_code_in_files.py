"""A champion's file that would run code, with its hash forged in the log: refused, and not run."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import pytest

from tabular_lstm.errors import DataError
from tests.helpers.champions import LOCK, champion_of, champion_path, forge
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, seed
from tests.helpers.project import Project


def lambda_in_our_network(file: Path, marker: Path) -> None:
    """Give the real network a loss that is code."""

    def loss_on(path: str) -> Callable[..., None]:
        return lambda *losses: open(path, "w").close()

    with pytest.warns(UserWarning, match="This is unsafe"):
        code = keras.saving.serialize_keras_object(loss_on(str(marker)))
    rewrite(file, compile_config={"optimizer": "sgd", "loss": code})
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        network = keras.saving.load_model(file, safe_mode=False)
    network.loss(0, 0)
    marker.unlink()  # where it may, it does run


def rewrite(file: Path, **names: object) -> None:
    """Change what the config of a `.keras` file says."""
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    config = json.loads(parts["config.json"]) | names
    with zipfile.ZipFile(file, "w") as new:
        for name, part in {**parts, "config.json": json.dumps(config)}.items():
            new.writestr(name, part)


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_code_in_a_champion_is_not_run_though_the_log_has_its_hash(
    served_twice: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    marker = tmp_path_factory.mktemp("marker") / "the code ran"
    forged = champion_path(served_twice)
    lambda_in_our_network(forged, marker)
    forge(served_twice, forged.read_bytes())
    before = served_twice.files()

    champion = champion_of(served_twice)
    with pytest.raises(DataError, match=str(forged)):
        _ = champion.network
    assert not marker.exists()

    for finished in (served_twice.command(*RETRAINING, *seed(5)), here(*ROLLBACK)):
        message = message_of(finished)
        assert "candidate.keras: expected" in message
        assert not marker.exists()
    after = served_twice.files()
    for name in before.keys() - {LOCK}:
        assert after[name] == before[name], name
