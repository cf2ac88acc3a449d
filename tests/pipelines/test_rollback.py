"""Which champion a rollback chooses, and that its decision is typed and whole."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.files import sha256
from tabular_lstm.parameters import Rollback
from tabular_lstm.pipelines.rollback.nodes import choose_champion, restore
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.promotion_log import LogEntry, record
from tests.helpers.decisions import PROVENANCE
from tests.helpers.logs import promotion, rejection, run
from tests.helpers.networks import ensemble_of, schema_of

Artifacts = dict[str, Callable[[], Artifact]]


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    """Saved networks of three runs."""

    def saved(letter: str, seed: int) -> Callable[[], Artifact]:
        path = tmp_path / f"{letter}.keras"
        ensemble_of(schema_of(), seed).save(path)
        return lambda: Artifact(path.read_bytes(), str(path))

    return {run(letter): saved(letter, seed) for seed, letter in enumerate("abx")}


def log_of(artifacts: Artifacts) -> list[LogEntry]:
    """Promotions of a and b, of which b serves, and a rejection of x."""
    log = [promotion("a"), promotion("b", "a"), rejection("x", "b")]
    return [
        entry.model_copy(update={"sha256": artifacts[str(entry.serves_now)]().sha256})
        for entry in log
    ]


@pytest.mark.parametrize(
    ("asked", "serves", "reason"),
    [
        (None, "a", f"asked for the champion before: run {run('a')} serves again"),
        (run("a"), "a", f"asked for that run by its id: run {run('a')} serves again"),
        (run("b"), "b", f"asked for that run by its id: run {run('b')} is put back"),
    ],
)
def test_the_one_before_or_the_one_asked_for_serves_again(
    artifacts: Artifacts, asked: str | None, serves: str, reason: str
) -> None:
    log = log_of(artifacts)
    decision = choose_champion(log, artifacts, Rollback(run_id=asked), run("z"), PROVENANCE)
    assert (decision.run_id, decision.action) == (run("z"), "rolled_back")
    assert (decision.served_before, decision.serves_now) == (run("b"), run(serves))
    assert decision.sha256 == artifacts[run(serves)]().sha256
    assert decision.reason == reason
    assert decision.judgement is None
    restored = restore([*log, record(decision)], artifacts)
    assert sha256(restored.content) == decision.sha256


@pytest.mark.parametrize(
    ("asked", "lost", "entries", "said"),
    [
        (None, "", 0, "There is no champion yet"),
        (None, "", 1, f"There is no champion before {run('a')} to roll back to. Champions that"),
        (
            run("x"),
            "",
            3,
            f"Run {run('x')} never was a champion. Champions that can be restored: "
            f"{run('a')}, {run('b')}.",
        ),
        ("../../evil", "", 3, "Run ../../evil never was a champion."),
        (run("a"), "a", 3, f"The artifact of run {run('a')} is gone, or is not the one"),
        (None, "a", 3, f"Champions that can be restored: {run('b')}."),
    ],
)
def test_what_cannot_be_restored_is_named(
    artifacts: Artifacts, asked: str | None, lost: str, entries: int, said: str
) -> None:
    log = log_of(artifacts)[:entries]
    kept = {name: load for name, load in artifacts.items() if not lost or name != run(lost)}
    with pytest.raises(DataError) as refused:
        choose_champion(log, kept, Rollback(run_id=asked), run("z"), PROVENANCE)
    assert said in str(refused.value)


def test_a_champion_that_cannot_be_loaded_is_not_put_in_place(artifacts: Artifacts) -> None:
    broken = Artifact(b"no network", "a.keras")
    log = log_of(artifacts)
    log[0] = log[0].model_copy(update={"sha256": broken.sha256})
    with pytest.raises(DataError, match=r"a\.keras: expected a whole \.keras file"):
        choose_champion(
            log, {**artifacts, run("a"): lambda: broken}, Rollback(), run("z"), PROVENANCE
        )


def test_only_what_was_chosen_is_restored(artifacts: Artifacts) -> None:
    """The file may change between the decision and its being put in place."""
    log = log_of(artifacts)
    decision = choose_champion(log, artifacts, Rollback(), run("z"), PROVENANCE)
    another = artifacts[run("x")]()
    with pytest.raises(DataError) as refused:
        restore([*log, record(decision)], {**artifacts, run("a"): artifacts[run("x")]})
    said = f"{another.file}: expected SHA-256 {decision.sha256}, as the promotion log has it, got "
    assert str(refused.value).startswith(f"{said}{another.sha256}.")
