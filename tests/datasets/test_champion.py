"""Who serves, as the catalog gives it: the checked champion and the promotion log."""

import json
from pathlib import Path

import pytest

from tabular_lstm.datasets.champion import ChampionDataset, PromotionLogDataset
from tabular_lstm.datasets.previewed_json import SHOWN
from tabular_lstm.files import sha256
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.log_file import read_log
from tests.helpers.errors import raises_data_error
from tests.helpers.logs import hash_of, letters, promotion, rejection, run
from tests.helpers.networks import ensemble_of, schema_of


@pytest.fixture
def champion(tmp_path: Path) -> ChampionDataset:
    """A champion's entry with nothing on disk."""
    return ChampionDataset(
        str(tmp_path / "champion.keras"),
        log={"filepath": str(tmp_path / "promotions.jsonl")},
        candidates={"filepath": str(tmp_path / "candidate.keras")},
        run_command="kedro run --env nightly",
    )


@pytest.fixture
def promotions(tmp_path: Path) -> PromotionLogDataset:
    """The log's entry, with nothing on disk."""
    return PromotionLogDataset(str(tmp_path / "promotions.jsonl"))


def artifact(tmp_path: Path) -> Artifact:
    path = tmp_path / "some.keras"
    ensemble_of(schema_of()).save(path)
    return Artifact(path.read_bytes(), str(path))


def test_what_is_saved_is_loaded_once_the_log_names_it(
    tmp_path: Path, champion: ChampionDataset, promotions: PromotionLogDataset
) -> None:
    assert not champion.exists()
    saved = artifact(tmp_path)
    entry = promotion("a").model_copy(update={"sha256": saved.sha256})
    promotions.save(entry)
    assert champion.exists()
    champion.save(saved)
    loaded = champion.load()
    assert loaded.content == saved.content == (tmp_path / "champion.keras").read_bytes()
    assert list(json.loads(champion.preview())["layers"]) == ["embed", "recur_1", "read_out"]


def test_what_the_log_does_not_name_is_refused(
    tmp_path: Path, champion: ChampionDataset, promotions: PromotionLogDataset
) -> None:
    champion.save(Artifact(b"another", "another"))
    assert champion.exists()
    for use in (champion.load, champion.preview):
        with raises_data_error(match=r"promotions\.jsonl, names no champion"):
            use()
    promotions.save(promotion("a"))
    with raises_data_error() as refused:
        champion.load()
    assert f"has SHA-256 {sha256(b'another')}; expected {hash_of('a')} of run {run('a')}" in str(
        refused.value
    )
    assert "kedro run --env nightly --pipelines retraining" in str(refused.value)


def test_saving_appends_and_loading_gives_all(
    tmp_path: Path, promotions: PromotionLogDataset
) -> None:
    assert promotions.load() == []
    log = [rejection("0", None), promotion("a"), promotion("b", "a")]
    for entry in log:
        promotions.save(entry)
    loaded = promotions.load()
    assert loaded == read_log(tmp_path / "promotions.jsonl")
    assert [entry.model_copy(update={"line_before": None}) for entry in loaded] == log


def test_a_damaged_log_is_named(tmp_path: Path, promotions: PromotionLogDataset) -> None:
    (tmp_path / "promotions.jsonl").write_text("{\n")
    with raises_data_error(match=r"promotions\.jsonl, line 1: expected a decision"):
        promotions.load()


def test_the_preview_shows_the_newest_first(promotions: PromotionLogDataset) -> None:
    written = "abcdefghijklmnopqrstuvwxyz"
    for letter in written:
        promotions.save(rejection(letter, None))
    *shown, last = json.loads(promotions.preview())
    assert letters([line["run_id"] for line in shown]) == written[: -SHOWN - 1 : -1]
    assert last == f"… {len(written) - SHOWN} more"
