"""Each end of a run is told once, and no secret is in what a run leaves: whole runs."""

import json
from pathlib import Path

import pytest
import yaml

from tests.helpers.champions import log_of
from tests.helpers.commands import (
    RETRAINING,
    ROLLBACK,
    here,
    message_of,
    seed,
    succeeds,
)
from tests.helpers.notifications import SECRET, lines, serving, to
from tests.helpers.project import QUICK, Project, declare
from tests.helpers.scorings import SCORING, finished


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told.jsonl"


def test_a_command_is_told_of_each_end_once(quick: Project, told: Path) -> None:
    declare(quick, **QUICK, notify=to(told))
    succeeds(here(*RETRAINING))
    succeeds(here(*RETRAINING))  # unchanged, of which nobody asked to be told
    succeeds(here(*RETRAINING, *seed(1)))
    succeeds(here(*SCORING))
    succeeds(here(*ROLLBACK))
    quick.raw.write_text("no, such\ncolumns,1\n")
    message = message_of(here(*RETRAINING))
    ends = lines(told)
    assert [end["event"] for end in ends] == [
        *(["promoted"] * 2),
        "scored",
        "rolled_back",
        "failed",
    ]
    first, second, scored, back, failed = ends
    log = log_of(quick)
    for end, entry in zip([first, second, back], log, strict=True):
        assert end["decision"]["run_id"] == end["run_id"] == entry["run_id"]
        said = "ROC AUC " if end["event"] == "promoted" else end["decision"]["reason"]
        assert said in end["message"]
    assert scored["manifest"] == finished(quick)[0]
    assert failed["message"] == f"Error: {message}"
    assert "decision" not in failed
    assert {end["environment"] for end in ends} == {"base"}


def test_a_secret_is_in_no_file_and_in_no_line(quick: Project) -> None:
    """In `credentials.yml`, in the environment, or as the URL itself."""
    entry = {"url": "${oc.env:CHAT_URL}", "headers": {"X-Token": "${oc.env:CHAT_URL}"}}
    (quick.path / "conf/local/credentials.yml").write_text(yaml.safe_dump({"chat": entry}))
    said = ""
    with serving(status=500) as server:
        for webhook in ("chat", server.url):
            declare(quick, **QUICK, notify={"webhook": webhook})
            for command in (RETRAINING, SCORING):
                force = "retraining.force=true,scoring.force=true"
                done = quick.command(*command, "--params", force, CHAT_URL=server.url)
                said += done.stdout + done.stderr
    assert len(server.got) == 4
    assert said.count("notify.webhook: 127.0.0.1 answered 500. This does not change") == 4
    written = {name: content for name, content in quick.files().items() if "01_raw" not in name}
    assert SECRET not in said
    assert [name for name, content in written.items() if SECRET.encode() in content] == []


def test_a_secret_is_not_in_kedros_own_log_either(quick: Project) -> None:
    """At level DEBUG Kedro says with which arguments it calls each hook."""
    (quick.path / "conf/local/credentials.yml").write_text(json.dumps({"chat": {"url": SECRET}}))
    logging = yaml.safe_load((quick.path / "conf/logging.yml").read_text())
    logging["loggers"]["kedro"] = {"level": "DEBUG"}
    for handler in logging["handlers"].values():
        handler.pop("level", None)
    (quick.path / "loud.yml").write_text(yaml.safe_dump(logging))
    done = quick.command(*SCORING, KEDRO_LOGGING_CONFIG="loud.yml")
    said = done.stdout + done.stderr
    assert "before_pipeline_run" in said
    assert SECRET not in said
