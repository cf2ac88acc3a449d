"""Two runs at once: the second ends at once and says who is at work, the first ends well."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tabular_lstm import load_champion
from tabular_lstm.serving.artifact import Artifact
from tests.helpers.champions import assert_settled, champion_of, log_of, log_path, on_disk
from tests.helpers.commands import RETRAINING, ROLLBACK, message_of, seed, succeeds
from tests.helpers.processes import at_work, started
from tests.helpers.project import Project

# The exit code where another run is at work.
TRY_LATER = 75


def test_a_run_beside_a_retraining_ends_at_once_and_says_who_is_at_work(
    served_twice: Project,
) -> None:
    log, old = log_path(served_twice).read_bytes(), on_disk(served_twice)
    with at_work(served_twice, *RETRAINING, *seed(5)) as first:
        before = served_twice.files()
        message = message_of(served_twice.command(*ROLLBACK), TRY_LATER)
        holder = (served_twice.path / "data/retraining.lock").read_text()
        assert f"process {first.pid} on " in holder
        assert holder in message
        assert served_twice.files() == before

        os.killpg(first.pid, signal.SIGCONT)
        rest = first.stdout.read()
        assert first.wait() == 0, rest
    assert f"Promoted {holder.partition(',')[0]}" in rest
    assert log_path(served_twice).read_bytes().startswith(log)
    assert len(log_of(served_twice)) == 3
    assert on_disk(served_twice) != old
    assert_settled(served_twice)
    assert champion_of(served_twice).network.training["seed"] == 5


def test_of_six_retrainings_and_four_rollbacks_at_once_each_decides_alone_or_not_at_all(
    served_twice: Project,
) -> None:
    before = log_path(served_twice).read_bytes()
    commands = [(*RETRAINING, *seed(10 + number)) for number in range(6)] + [ROLLBACK] * 4
    runs = [
        started(served_twice, *command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for command in commands
    ]
    said = [run.communicate(timeout=300)[1] for run in runs]
    decided = [run.returncode == 0 for run in runs]
    assert any(decided)
    for alone, message in zip(decided, said, strict=True):
        refused = (
            "another run is at work here" in message or "There is no champion before" in message
        )
        assert alone != refused, message
        assert "Traceback" not in message
    assert log_path(served_twice).read_bytes().startswith(before)
    assert len(log_of(served_twice)) == 2 + sum(decided)
    assert_settled(served_twice)


def test_a_champion_that_is_loaded_amid_a_commit_is_the_old_one(
    served_twice: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retraining promotes between the reader's look at the log and that at the file."""
    before, read = log_of(served_twice)[-1], Artifact.read

    def after_a_promotion(path: Path) -> Artifact:
        succeeds(served_twice.command(*RETRAINING, *seed(5)))
        return read(path)

    monkeypatch.setattr(Artifact, "read", after_a_promotion)
    assert load_champion(served_twice.path).sha256 == before["sha256"]
    assert len(log_of(served_twice)) == 3
