"""Who serves and who served, as the catalog gives it: log, champion, and what runs left."""

import json
from pathlib import Path

import pytest

from tabular_lstm.datasets.champion_datasets import ChampionDataset, ChampionsDataset
from tabular_lstm.serving.promotion_log import LOG, read_log
from tests.helpers.decisions import decision
from tests.helpers.errors import raises_data_error
from tests.helpers.logs import promotion, rejection, run
from tests.helpers.stores import House


def test_the_champion_is_the_candidate_that_the_log_names(tmp_path: Path) -> None:
    champion = ChampionDataset(str(tmp_path), "kedro run --env x")
    assert not champion.exists()
    with raises_data_error(match="no champion yet. kedro run --env x --pipelines retraining"):
        champion.load()
    house = House(tmp_path)
    content = house.promote("a", 0)
    assert champion.exists()
    assert champion.load().content == content
    with raises_data_error(match="is read-only here"):
        champion.save(content)
    # For a whole run it stays what it was.
    champion.pin()
    house.promote("b", 1, before="a")
    assert champion.load().run_id == run("a")


def test_saving_appends_and_loading_gives_all(tmp_path: Path) -> None:
    champions = ChampionsDataset(str(tmp_path))
    assert (champions.load().log, len(champions.load().artifacts)) == ([], 0)
    log = [rejection("0", None), promotion("a"), promotion("b", "a")]
    for entry in log:
        champions.save(entry)
    loaded = champions.load().log
    assert loaded == read_log(tmp_path / LOG)
    shown = json.loads(champions.preview())
    assert [line["run_id"] for line in shown] == [run("b"), run("a"), run("0")]
    assert [entry.model_copy(update={"line_before": None}) for entry in loaded] == log
    (tmp_path / LOG).write_text("{\n")
    with raises_data_error(match=r"promotions\.jsonl, line 1: expected a decision"):
        champions.load()


def test_what_each_run_left_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    house = House(tmp_path)
    first, second = house.promote("a", 0), house.promote("b", 1, before="a")
    made = decision(True, letter="a")
    path = tmp_path / f"08_reporting/decision.json/{run('a')}/decision.json"
    path.parent.mkdir(parents=True)
    path.write_text(made.model_dump_json())
    left = ChampionsDataset(str(tmp_path)).load()
    assert [left.artifacts[of].content for of in left.artifacts] == [first, second]
    assert left.decisions[run("a")] == made
    for gone in (left.decisions, left.fingerprints):
        with pytest.raises(KeyError):
            gone[run("b")]
    house.kept("b").write_bytes(b"another")
    assert left.artifacts[run("b")].content == b"another"
