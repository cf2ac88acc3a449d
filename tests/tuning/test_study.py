"""A study: the same trials from the same seed, whenever it was killed, in a file of Optuna's."""

import re
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend, JournalStorage

from tabular_lstm.errors import DataError
from tabular_lstm.network import plan
from tabular_lstm.parameters import Training
from tabular_lstm.tuning.found import Study
from tabular_lstm.tuning.study import read, search_in
from tabular_lstm.tuning.trials import Outcome, TrialPart
from tests.helpers.disks import files_of_at_most
from tests.helpers.searches import EARLY, SPACE, StoppedError, ending, search_of

DIVERGED = Outcome(end="diverged", log_loss=None, losses=[])


def tried(study: Study) -> list[dict[str, Any]]:
    return [trial.model_dump() for trial in study.trials]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, list[bytes]]:
    """A search that nobody stopped, and the lines of its file."""
    study = search_in(tmp_path_factory.mktemp("whole"), search_of())
    return study, Path(study.file).read_bytes().splitlines(keepends=True)


def test_the_same_seed_gives_the_same_study_and_another_one_another(
    tmp_path: Path, whole: tuple[Study, list[bytes]]
) -> None:
    study, _ = whole
    assert tried(search_in(tmp_path, search_of())) == tried(study)
    other = search_in(tmp_path, search_of(seed=1))
    assert other.name != study.name
    assert tried(other)[0] == tried(study)[0]
    assert tried(other)[1:] != tried(study)[1:]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.15, 0.4, 0.78, 0.8, 0.84, 0.97, 1.0])
@pytest.mark.parametrize("torn", [False, True])
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(
    tmp_path: Path, whole: tuple[Study, list[bytes]], share: float, torn: bool
) -> None:
    """Whatever lines are there, and where the last one was cut off."""
    study, lines = whole
    left = lines[: int(share * len(lines))]
    if torn and left:
        left[-1] = left[-1][: len(left[-1]) // 2]
    (tmp_path / Path(study.file).name).write_bytes(b"".join(left))
    again = search_in(tmp_path, search_of())
    assert tried(again) == tried(study)
    assert tried(read(Path(again.file))) == tried(study)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.35, 0.6, 0.95])
def test_a_full_disk_is_named_and_the_search_goes_on_when_there_is_space(
    tmp_path: Path, whole: tuple[Study, list[bytes]], share: float
) -> None:
    study, lines = whole
    size = int(share * sum(map(len, lines)))
    with (
        files_of_at_most(size),
        pytest.raises(
            DataError, match=rf"{study.name}.jsonl: .*The trials that have ended are kept"
        ),
    ):
        search_in(tmp_path, search_of())
    left = (tmp_path / Path(study.file).name).read_bytes()
    assert size - 2000 < len(left) <= size
    assert not left or left.endswith(b"\n")
    assert tried(search_in(tmp_path, search_of())) == tried(study)


def test_what_is_asked_for_after_all_have_ended_is_nothing_and_more_trials_go_on(
    tmp_path: Path, whole: tuple[Study, list[bytes]]
) -> None:
    study, _ = whole
    assert len(search_in(tmp_path, search_of(5)).trials) == 5
    with pytest.raises(StoppedError):
        search_in(tmp_path, search_of(9, stop_at=2))
    assert tried(search_in(tmp_path, search_of(7, stop_at=0))) == tried(study)[:7]
    assert tried(search_in(tmp_path, search_of(14))) == tried(study)
    assert tried(search_in(tmp_path, search_of(3, stop_at=0))) == tried(study)


def test_the_first_trial_has_the_present_parameters_whatever_the_space_has(
    tmp_path: Path, whole: tuple[Study, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, _ = whole
    first = study.trials[0]
    assert first.values == {
        "training.learning_rate": 0.006,
        "training.batch_size": None,
        "network.ensemble.dimensions": 8,
        "network.ensemble.units": [8],
    }
    assert first.numbers["training.batch_size"] == 32
    assert first.end == "complete"
    assert study.best.log_loss <= first.log_loss
    monkeypatch.setattr(plan, "MANY_ROWS", 16 * 64)
    many = search_of(rows=16 * 512).present_in_numbers
    assert many["training.batch_size"] == 64
    # Other present ones, such as those adopted, are tried where they were not yet.
    other = search_of(14, training=Training(learning_rate=0.05))
    assert (other.name(), other.tuning.trials) == (study.name, 14)
    search_in(tmp_path, search_of())
    more = search_in(tmp_path, other)
    assert tried(more)[:-1] == tried(study)
    assert more.trials[-1].values["training.learning_rate"] == 0.05


def test_values_are_within_the_space_and_as_a_person_would_write_them(
    whole: tuple[Study, list[bytes]],
) -> None:
    study, _ = whole
    for trial in study.trials[1:]:
        rate = trial.values["training.learning_rate"]
        assert 0.001 <= rate <= 0.1
        assert rate == float(f"{rate:.4g}")
        assert isinstance(trial.values["network.ensemble.dimensions"], int)
        assert trial.values["network.ensemble.units"] in SPACE["network.ensemble.units"]["choices"]
    assert len({trial.values["training.learning_rate"] for trial in study.trials}) == 14


def test_hopeless_trials_end_early_and_only_where_that_is_wanted(
    tmp_path: Path, whole: tuple[Study, list[bytes]]
) -> None:
    study, _ = whole
    early = [trial for trial in study.trials if trial.end == "pruned"]
    assert early
    assert all(len(trial.losses) == EARLY for trial in early)
    assert all(trial.number > 5 for trial in early)
    for not_wanted in (search_of(prune=False), search_of(training=Training(groups=2))):
        without = search_in(tmp_path, not_wanted)
        assert {trial.end for trial in without.trials} == {"complete"}


def test_importances_are_told_where_enough_trials_are_complete(tmp_path: Path) -> None:
    few = search_in(tmp_path, search_of(8, prune=False))
    assert few.importances == {}
    many = search_in(tmp_path, search_of(20, prune=False))
    assert next(iter(many.importances)) == "training.learning_rate"
    assert many.importances.keys() == SPACE.keys()
    assert sum(many.importances.values()) == pytest.approx(1)


def test_a_loss_that_is_not_finite_ends_a_trial_and_with_the_present_parameters_the_search(
    tmp_path: Path,
) -> None:
    def fast_diverges(part: TrialPart) -> Outcome:
        return DIVERGED if part.values["training.learning_rate"] > 0.03 else ending(part)

    study = search_in(tmp_path, search_of(end=fast_diverges))
    assert {trial.end for trial in study.trials} >= {"complete", "diverged"}
    assert study.best.values["training.learning_rate"] <= 0.03
    present = search_of(end=fast_diverges, training=Training(learning_rate=0.05))
    for _ in range(2):
        with pytest.raises(DataError, match=r"present parameters.*Lower training.learning_rate"):
            search_in(tmp_path, present)


@pytest.mark.parametrize(
    ("line", "content"),
    [(0, b"{}\n"), (3, b"no JSON\n"), (9, b'{"op_code": 99, "worker_id": "a"}\n')],
)
def test_a_damaged_file_is_named_and_stays_as_it_is(
    tmp_path: Path, whole: tuple[Study, list[bytes]], line: int, content: bytes
) -> None:
    study, lines = whole
    path = tmp_path / Path(study.file).name
    damaged = b"".join([*lines[:line], content, *lines[line + 1 :]])
    path.write_bytes(damaged)
    for use in (lambda: search_in(tmp_path, search_of()), lambda: read(path)):
        expected = rf"{path}, line {line + 1}: expected a study.*move the file away"
        with pytest.raises(DataError, match=expected):
            use()
    assert path.read_bytes() == damaged


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r'_size":null', '_size":-1'),
        (r'_size":null', '_size":null,"training.seed":1'),
        (r'_size":null', '_size":null,"training.__class__":1'),
        (r'units":\[8\]', 'units":"!!python/name:os.system"'),
        (r'"end":"complete"', '"end":"pruned"'),
        (r'log_loss":0', 'log_loss":-0'),
        (r'log_loss":[0-9.]+', 'log_loss":NaN'),
        (r'log_loss":[0-9.]+', 'log_loss":Infinity'),
        (r'losses":\[[^]]*\]', 'losses":[]'),
        (r'log\\": true', r"log\": false"),
        (r'low\\": 0.001', r"low\": 1e-300"),
        (r'high\\": 0.1', r"high\": 0.2"),
        (r"FloatDistribution", "IntDistribution"),
        (r'choices\\": \[\\"8', r"choices\": [\"x"),
        (r'internal":0.006', 'internal":-0.003'),
        (r'internal":0.006', 'internal":1e999'),
        (r'internal":0.006', 'internal":"0.003"'),
        (r'internal":2', 'internal":3'),
        (r'state":1,"values":\[[0-9.]+\]', 'state":1,"values":[0.1]'),
        (r'state":1,"values":\[[0-9.]+\]', 'state":2,"values":null'),
        (r'state":0', 'state":4'),
        (r'trial_id":1', 'trial_id":0'),
        (r'trial_id":1', 'trial_id":true'),
        (r'directions":\[1\]', 'directions":[2]'),
        (r'study_id":0', 'study_id":1'),
        (r'datetime_start":"[^"]*"', 'datetime_start":"today"'),
        (r'"datetime_start":"[^"]*"}', '"datetime_start":null}'),
        (r'intermediate_value":[0-9.]+', 'intermediate_value":NaN'),
        (r'"params":{}', '"params":{"training.learning_rate":0.1}'),
    ],
)
def test_what_no_tuning_wrote_is_refused(
    tmp_path: Path, whole: tuple[Study, list[bytes]], old: str, new: str
) -> None:
    study, lines = whole
    text = b"".join(lines).decode()
    changed, count = re.subn(old, lambda _: new, text, count=1)
    assert count == 1
    path = tmp_path / Path(study.file).name
    path.write_text(changed)
    with pytest.raises(DataError, match=r"line \d+: expected a study as Optuna's journal") as error:
        search_in(tmp_path, search_of())
    assert str(error.value).startswith(f"{path}, ")
    assert path.read_text() == changed


def test_what_a_study_must_not_end_with_is_refused_where_nobody_knows_its_space(
    tmp_path: Path, whole: tuple[Study, list[bytes]]
) -> None:
    study, lines = whole
    path = tmp_path / Path(study.file).name
    (first, *_) = (place for place, line in enumerate(lines) if b"Float" in line)
    second = next(place for place in range(first + 1, len(lines)) if b"Float" in lines[place])
    path.write_bytes(
        b"".join([*lines[:second], lines[second].replace(b"0.1", b"1.1"), *lines[second + 1 :]])
    )
    with pytest.raises(DataError, match=rf"{path}, line {second + 1}: .*training.learning_rate"):
        read(path)


def test_notes_of_optunas_dashboard_are_let_be(
    tmp_path: Path, whole: tuple[Study, list[bytes]]
) -> None:
    study, lines = whole
    path = tmp_path / Path(study.file).name
    path.write_bytes(b"".join(lines))
    backend = JournalFileBackend(str(path))
    loaded = optuna.load_study(study_name=study.name, storage=JournalStorage(backend))
    loaded.set_user_attr("of", "patients")
    loaded._storage.set_study_system_attr(loaded._study_id, "dashboard:note_ver", 1)
    assert tried(search_in(tmp_path, search_of())) == tried(study)


def test_optuna_reads_the_file(whole: tuple[Study, list[bytes]]) -> None:
    study, _ = whole
    backend = JournalFileBackend(study.file)
    loaded = optuna.load_study(study_name=study.name, storage=JournalStorage(backend))
    assert len(loaded.trials) == 14
    assert loaded.best_value == study.best.log_loss


def test_what_a_study_belongs_to_makes_its_name() -> None:
    same = search_of().name()
    assert search_of(99, adopt=True).name() == same
    others = [
        search_of(rows=42),
        search_of(prune=False),
        search_of(training=Training(epochs=7)),
        search_of(space={"training.learning_rate": SPACE["training.learning_rate"]}),
    ]
    assert len({same, *(other.name() for other in others)}) == 5
