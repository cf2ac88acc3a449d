"""Which champion a rollback chooses, and that its decision is typed and whole."""

from pathlib import Path

import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.parameters.columns import ColumnsOptions
from tabular_lstm.parameters.runs import RollbackOptions
from tabular_lstm.pipelines.rollback.nodes import choose_champion
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.decision import Champions, Decision
from tabular_lstm.serving.report import page_of_rollback
from tests.helpers.champions import log_of
from tests.helpers.commands import ROLLBACK, here, succeeds
from tests.helpers.decisions import PROVENANCE
from tests.helpers.logs import promotion, rejection, run
from tests.helpers.networks import ensemble_of, schema_of
from tests.helpers.project import Project

Artifacts = dict[str, Artifact]
COLUMNS = ColumnsOptions(label="sick", positive_class=1, negative_class=0)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    """Saved networks of three runs."""

    def saved(letter: str, seed: int) -> Artifact:
        path = tmp_path / f"{letter}.keras"
        ensemble_of(schema_of(), seed).save(path)
        return Artifact.read(path)

    return {run(letter): saved(letter, seed) for seed, letter in enumerate("abx")}


def chosen(
    artifacts: Artifacts,
    asked: str | None,
    entries: int = 3,
    lost: str = "",
    columns: ColumnsOptions | None = None,
) -> Decision:
    """Choose after promotions of a and b, of which b serves, and a rejection of x."""
    log = [
        entry.model_copy(update={"sha256": artifacts[str(entry.serves_now)].sha256})
        for entry in (promotion("a"), promotion("b", "a"), rejection("x", "b"))
    ]
    left = {name: of for name, of in artifacts.items() if not lost or name != run(lost)}
    champions = Champions(log[:entries], left)
    provenance = PROVENANCE.model_copy(update={"run_id": run("z")})
    return choose_champion(champions, RollbackOptions(run_id=asked), columns or COLUMNS, provenance)


@pytest.mark.parametrize(
    ("asked", "serves", "reason"),
    [
        (None, "a", f"the previous champion, run {run('a')}"),
        (run("a"), "a", f"run {run('a')}"),
        (run("b"), "b", f"run {run('b')}, which already serves"),
    ],
)
def test_the_one_before_or_the_one_asked_for_serves_again(
    artifacts: Artifacts, asked: str | None, serves: str, reason: str
) -> None:
    decision = chosen(artifacts, asked)
    assert (decision.run_id, decision.action) == (run("z"), "rolled_back")
    assert (decision.served_before, decision.serves_now) == (run("b"), run(serves))
    assert decision.sha256 == artifacts[run(serves)].sha256
    assert decision.reason == reason
    assert decision.judgement is None


@pytest.mark.parametrize(
    ("asked", "lost", "entries", "message"),
    [
        (None, "", 0, "There is no champion yet"),
        (None, "", 1, f"There is no champion before {run('a')} to roll back to. Runs that"),
        (run("x"), "", 3, f"Run {run('x')} was never a champion. Runs that were promoted: "),
        (run("x"), "", 3, f" {run('a')}, {run('b')}."),
        ("../../evil", "", 3, "Run ../../evil was never a champion."),
        (None, "a", 3, f"Run {run('a')} cannot serve again: its artifact is gone, unreadable"),
    ],
)
def test_what_cannot_be_restored_is_named(
    artifacts: Artifacts, asked: str | None, lost: str, entries: int, message: str
) -> None:
    with pytest.raises(DataError) as refused:
        chosen(artifacts, asked, entries, lost)
    assert message in str(refused.value)


def test_what_cannot_be_loaded_or_is_of_another_label_does_not_serve_again(
    artifacts: Artifacts,
) -> None:
    with pytest.raises(DataError, match=r"label was 'sick' and is 'ill'\. Change conf back\.$"):
        chosen(artifacts, None, columns=COLUMNS.model_copy(update={"label": "ill"}))
    with pytest.raises(DataError, match=r"a\.keras: expected a whole \.keras file"):
        chosen({**artifacts, run("a"): Artifact(b"no network", "a.keras")}, None)


def test_the_report_says_who_serves_after_a_rollback(artifacts: Artifacts) -> None:
    """Not that the model serves that was dismissed; and where the report of the champion is."""
    page = page_of_rollback(chosen(artifacts, None), PROVENANCE)
    for words in (
        "<h1>✓ Rolled back</h1>",
        f'The model from run <span class="id">{run("a")}</span> now serves again.',
        f'The model from run <span class="id">{run("b")}</span>, which served until now, no longer',
        f"--pipelines rollback --params rollback.run_id={run('b')}",
        f"data/08_reporting/report.html/{run('a')}/report.html",
        "default-src 'none'",
    ):
        assert words in page
    assert "is now serving." not in page


def test_the_latest_report_is_that_of_the_rollback(served: Project) -> None:
    (champion,) = (line["run_id"] for line in log_of(served))
    succeeds(here(*ROLLBACK, "--params", f"rollback.run_id={champion}"))
    page = (served.path / "data/08_reporting/latest.html").read_text()
    report = f"data/08_reporting/report.html/{champion}/report.html"
    assert f'The model from run <span class="id">{champion}</span> continues to serve.' in page
    assert report in page
    assert (served.path / report).exists()
