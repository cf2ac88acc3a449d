"""Two runs at once: the second ends at once and says who is at work, the first ends well."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tabular_lstm.serving.store import Store
from tests.helpers.champions import assert_settled, champion_of, log_of, log_path, on_disk
from tests.helpers.commands import RETRAINING, ROLLBACK, here, message_of, note, seed, succeeds
from tests.helpers.project import Project


@contextlib.contextmanager
def at_work(project: Project, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run that has begun its first node and stands still until SIGCONT."""
    with subprocess.Popen(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=project.path,
        env={**os.environ, "KEDRO_ENV": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            said = ""
            while "Running" not in said:
                said = run.stdout.readline()
                assert said, "the run ended before its first node"
            os.killpg(run.pid, signal.SIGSTOP)
            yield run
        finally:
            # No harm to one that has ended: it is not waited for yet.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "second",
    [(*RETRAINING, *seed(6)), ROLLBACK],
    ids=["retraining", "rollback"],
)
def test_a_run_beside_a_retraining_ends_at_once_and_says_who_is_at_work(
    served_twice: Project, second: tuple[str, ...]
) -> None:
    log, old = log_path(served_twice).read_bytes(), on_disk(served_twice)
    with at_work(served_twice, *RETRAINING, *seed(5)) as first:
        before = served_twice.files()
        began = time.monotonic()
        message = message_of(served_twice.command(*second))
        seconds = time.monotonic() - began
        holder = (served_twice.path / "data/retraining.lock").read_text()
        assert f"process {first.pid} on " in holder
        assert holder in message
        since = datetime.now(UTC) - datetime.fromisoformat(holder.rpartition("since ")[2])
        assert timedelta(0) <= since < timedelta(minutes=10)
        assert served_twice.files() == before
        note(f"refused after {seconds:.1f} s, interpreter included")

        os.killpg(first.pid, signal.SIGCONT)
        rest = first.stdout.read()
        assert first.wait() == 0, rest
    assert f"Promoted {holder.partition(',')[0]}" in rest
    assert log_path(served_twice).read_bytes().startswith(log)
    assert len(log_of(served_twice)) == 3
    assert on_disk(served_twice) != old
    assert_settled(served_twice)
    assert champion_of(served_twice).network.training["seed"] == 5


def test_a_run_that_was_killed_blocks_nobody(served: Project) -> None:
    """Its process alone: what it started, if anything, holds no lock either."""
    with at_work(served, *RETRAINING, *seed(5)) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        succeeds(here(*RETRAINING, *seed(5)))
    assert_settled(served)
    assert champion_of(served).network.training["seed"] == 5


def test_a_champion_that_is_loaded_amid_a_commit_is_the_old_or_the_new_one(
    served_twice: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retraining promotes between the reader's look at the log and that at the file."""
    read_file, looks = Store._content, []

    def promote_before(store: Store) -> bytes | None:
        looks.append(len(looks))
        if len(looks) == 1:
            succeeds(served_twice.command(*RETRAINING, *seed(5)))
        return read_file(store)

    monkeypatch.setattr(Store, "_content", promote_before)
    assert champion_of(served_twice).sha256 in {c["sha256"] for c in log_of(served_twice)[-2:]}
