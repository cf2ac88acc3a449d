"""What an earlier release left goes on: tests/releases/ has its conf, champions and predictions.

Each release is a folder, made by `tests/helpers/releases.py` of that release. These tests stay.
"""

import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import CatalogProtocol, DatasetError
from pydantic import BaseModel, ValidationError, create_model

from tabular_lstm import __version__, compare
from tabular_lstm.errors import DataError
from tabular_lstm.estimator import LSTMClassifier, LSTMRegressor
from tabular_lstm.files import sha256
from tabular_lstm.frozen import Frozen
from tabular_lstm.monitoring.reference import Reference
from tabular_lstm.network.keras_file import Arguments, NoNetworkError
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.serving.champion import Champion, load_champion
from tabular_lstm.serving.decision import Decision
from tabular_lstm.serving.manifest import Manifest
from tabular_lstm.serving.promotion_log import LogEntry
from tests.helpers.commands import (
    ALARM,
    RETRAINING,
    ROLLBACK,
    UNTRUSTED,
    here,
    here_in,
    message_of,
)
from tests.helpers.outputs import key_paths
from tests.helpers.project import ROOT, Project
from tests.helpers.releases import ENVIRONMENTS, RELEASES
from tests.helpers.scorings import SCORING, predictions_of

KEPT = sorted(path.name for path in RELEASES.glob("[0-9]*"))
assert KEPT, f"{RELEASES}: expected a folder for each release"
MONITORING = ("run", "--pipelines", "monitoring")


def each_environment(*in_short: str) -> pytest.MarkDecorator:
    """Parametrize by each environment of each release, of which `make test` has some."""
    each = [
        pytest.param(release, env, marks=[] if env in in_short else pytest.mark.long)
        for release in KEPT
        for env in ENVIRONMENTS
    ]
    return pytest.mark.parametrize(("release", "env"), each)


def copy_of(release: str, env: str, path: Path) -> Project:
    """Make a project with the conf and an environment's outputs of a release."""
    for name in ("conf/base", f"conf/{env}", "data/01_raw", f"data/{env}"):
        shutil.copytree(RELEASES / release / name, path / name)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, path)
    (path / "src").mkdir()
    (path / "conf/local").mkdir()
    bootstrap_project(path)
    return Project(path)


@pytest.fixture
def left(
    release: str, env: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """An environment as a release left it, and the installed package."""
    monkeypatch.chdir(tmp_path)
    yield copy_of(release, env, tmp_path)
    pipelines.set_requested(None)


def log_of(project: Project, env: str) -> list[dict[str, Any]]:
    path = project.path / f"data/{env}/08_reporting/promotions.jsonl"
    return [json.loads(line) for line in path.open()]


def kept_predictions(project: Project, env: str) -> pd.DataFrame:
    """Read the predictions that the release left, as any program can."""
    (part,) = (project.path / f"data/{env}/07_model_output/predictions").glob("*/*.parquet")
    return pd.read_parquet(part)


def assert_same(came: pd.DataFrame, kept: pd.DataFrame) -> None:
    """Compare predictions, decisions and reasons; last bits depend on the processor."""
    for name in kept.columns.difference(["run_id", "scored_at"]):
        if kept[name].dtype.kind == "f":
            np.testing.assert_allclose(came[name], kept[name], rtol=1e-5, atol=1e-6, err_msg=name)
        else:
            assert came[name].tolist() == kept[name].tolist(), name


@each_environment("words", "histories")
def test_the_champion_scores_as_it_did_for_a_run_and_for_a_program(env: str, left: Project) -> None:
    kept = kept_predictions(left, env)
    rows = pd.read_csv(left.path / f"data/01_raw/{env}_to_score.csv", dtype=str)
    champion = load_champion(left.path, env)
    assert champion.run_id == log_of(left, env)[-1]["serves_now"]
    decisions = left.path / f"data/{env}/08_reporting/decision.json"
    judged = json.loads((decisions / champion.run_id / "decision.json").read_text())["judgement"]
    assert champion.threshold == judged["candidate"].get("decision_threshold")
    if env != "histories":  # of which a run predicts the last row of each customer alone
        frame = champion.frame(rows.iloc[kept["row"] - 1], reasons=2).reset_index(drop=True)
        assert_same(frame, kept[frame.columns])

    said = here_in(left, *SCORING, "--env", env, "--params", "scoring.force=true")
    assert f"{len(kept)} of {len(rows)} rows" in said or env == "histories"
    came = predictions_of(left, env)
    assert set(came["run_id"]) != set(kept["run_id"])
    assert_same(came, kept)
    manifests = (left.path / f"data/{env}/07_model_output/predictions").glob("*/manifest.json")
    old, new = map(kept_names, sorted(manifests))
    assert old <= new


@pytest.mark.parametrize("release", KEPT)
@pytest.mark.parametrize("env", ["words", "number"])
def test_a_network_that_this_version_saves_again_predicts_the_same_bits(
    release: str, env: str, tmp_path: Path
) -> None:
    champion = load_champion(RELEASES / release, env)
    rows = pd.read_csv(RELEASES / release / f"data/01_raw/{env}_to_score.csv", dtype=str)[:-1]
    estimator = LSTMRegressor if env == "number" else LSTMClassifier
    estimator.load(champion.file).save(tmp_path / "again.keras")
    again = Champion(Artifact.read(tmp_path / "again.keras"), "kedro run")
    assert again.frame(rows, reasons=2).equals(champion.frame(rows, reasons=2))


@each_environment("words", "histories")
def test_a_night_after_the_upgrade_monitors_trains_nothing_and_can_roll_back(
    release: str, env: str, left: Project
) -> None:
    labels = left.path / f"data/01_raw/{env}_labels.csv"
    here_in(left, *MONITORING, "--env", env, "--params", f"late_labels={labels}")
    health = json.loads(left.versions("08_reporting/monitoring.json", env)[-1].read_text())
    serves = log_of(left, env)[-1]["serves_now"]
    (champion,) = [one for one in health["champions"] if one["run_id"] == serves]
    assert champion["labelled_rows"] == len(kept_predictions(left, env))
    # 0.1.0 judged histories on all rows, and a scoring predicts only some.
    is_judged_otherwise = (release, env) == ("0.1.0", "histories")
    promised = set() if is_judged_otherwise else {*champion["real"]}
    assert {*champion["promised"]} == promised
    assert ("a scoring predicts last rows" in str(health["notes"])) != bool(promised)
    assert_measured(champion["real"], kept_predictions(left, env), pd.read_csv(labels))

    said = here_in(left, *RETRAINING, "--env", env)
    assert re.search(
        r"Unchanged: run \S+ had the same data(, parameters and code| and parameters), and it", said
    )
    # On the day of a release, the code is the release's own.
    assert ("Only the code or a package has changed" in said) == ("parameters and code" not in said)

    log = log_of(left, env)
    first, second = (entry["run_id"] for entry in log if entry["action"] == "promoted")
    back = first if serves == second else second
    params = () if serves == second else ("--params", f"rollback.run_id={second}")
    here_in(left, *ROLLBACK, "--env", env, *params)
    assert log_of(left, env)[-1]["serves_now"] == back == load_champion(left.path, env).run_id


@pytest.mark.parametrize("code", [0, ALARM, UNTRUSTED])
@pytest.mark.parametrize("schedule", [*(RELEASES / release for release in KEPT), ROOT])
def test_a_schedule_tells_by_mail_of_an_alarm_and_of_untrusted_data(
    schedule: Path, code: int, tmp_path: Path
) -> None:
    """cron mails what is printed; a schedule that was copied from a release says the code."""
    run, kedro = tmp_path / "deploy/cron/run", tmp_path / ".venv/bin/kedro"
    for script in (run, kedro):
        script.parent.mkdir(parents=True)
    shutil.copy(schedule / "deploy/cron/run", run)
    kedro.write_text(f"#!/bin/sh\nprintf 'ALARM: x\\nRejected run y\\n'; exit {code}\n")
    kedro.chmod(0o755)
    ended = subprocess.run(["sh", run, "a", "retraining"], check=False, capture_output=True)
    mail = ended.stdout.decode()
    assert ended.returncode == code
    assert mail.startswith("ALARM: x\nRejected run y\n") == (code != 0)
    as_a_notice = schedule.name != "0.1.0" and code == ALARM
    assert ("is complete, with an alarm" in mail) == as_a_notice
    assert (f"ended with exit code {code}" in mail) == (code != 0 and not as_a_notice)


@pytest.mark.parametrize("release", KEPT)
@pytest.mark.parametrize("env", ["words"])
def test_real_figures_wait_for_a_champion_that_was_trained_with_the_key(left: Project) -> None:
    """Named only afterwards, a key does not tell which scored rows the champion was trained on."""
    path = left.path / "conf/words/parameters.yml"
    conf = json.loads(path.read_text())
    conf["columns"] |= {"key": "case", "ignore": ["visit"]}
    path.write_text(json.dumps(conf))
    rows = pd.read_csv(left.path / "data/01_raw/words.csv", dtype=str)
    cases = left.path / "data/01_raw/words_to_score.csv"
    rows.assign(case=rows["visit"]).to_csv(cases, index=False)
    here_in(left, *SCORING, "--env", "words")
    said = here_in(left, *MONITORING, "--env", "words", "--params", f"late_labels={cases}")
    health = json.loads(left.versions("08_reporting/monitoring.json", "words")[-1].read_text())
    assert [one["labelled_rows"] for one in health["scorings"]] == [0, 0]
    assert [one["real"] for one in health["champions"]] == [{}] * len(health["champions"])
    (note,) = [note for note in health["notes"] if "may have been trained on" in note]
    assert note.endswith("The next champion of a retraining will have them")
    assert f"{note}." in said.splitlines()


def assert_measured(real: dict[str, Any], kept: pd.DataFrame, labels: pd.DataFrame) -> None:
    """Compare a metric of the late labels with its definition."""
    key, label = labels.columns
    joined = kept.drop(columns=label).merge(labels, on=key)  # the scored rows had no label yet
    assert len(joined) == len(kept)
    if "rmse" in real:
        expected = ((joined["prediction"] - joined[label]) ** 2).mean() ** 0.5
        assert real["rmse"]["value"] == pytest.approx(expected, rel=1e-5)
        return
    if "probability" in joined:
        chance = joined["probability"].where(joined[label] == "yes", 1 - joined["probability"])
    else:
        rows = enumerate(joined[label])
        chance = pd.Series([joined[f"probability_{name}"].iloc[row] for row, name in rows])
    assert real["log_loss"]["value"] == pytest.approx(-np.log(chance).mean(), rel=1e-5)


def kept_names(path: Path, content: bytes | None = None) -> set[str]:
    """Name all keys of a JSON file, of a log's first line, or of a network's configuration."""
    if path.suffix == ".keras":
        content = zipfile.ZipFile(path).read("config.json")
    text = (content or path.read_bytes()).decode()
    return key_paths(json.loads(text.splitlines()[0] if path.suffix == ".jsonl" else text))


def assert_compared_alike(project: Project, env: str, judgement: dict[str, Any]) -> None:
    """`compare` says of the written predictions what the gate decided."""
    task = load_champion(project.path, env).schema.task
    ours, theirs = (
        pd.read_csv(project.versions(f"07_model_output/{output}_predictions.csv", env)[-1])
        for output in ("candidate", "champion")
    )
    (check,) = [check for check in judgement["checks"] if check["name"] == "champion"]
    run, expected = next(iter(check["compared"].items()))
    candidate, champion = (
        values[:, 0] if not task.classes else values
        for values in (task.from_columns(ours, "candidate"), task.from_columns(theirs, run))
    )
    counts = ~np.isnan(champion.reshape(len(champion), -1)).any(axis=1)
    assert not counts.all()  # the champion was trained on the other rows
    labels = [*map(task.classes.index, ours["label"])] if task.classes else ours["label"]
    raw = pd.read_csv(project.path / f"data/01_raw/{env}.csv").iloc[ours["row"] - 1].reset_index()
    weights, patients = (
        raw[name][counts] if name in raw else None for name in ("weight", "patient")
    )
    compared = compare(
        np.array(labels)[counts],
        candidate[counts],
        champion[counts],
        task=task.kind,
        groups=patients,
        weights=weights,
        tolerance=dict.fromkeys(expected, 1.0),
        bootstrap_resamples=100,  # as in the conf of the releases
    )
    assert compared.differences.keys() == expected.keys()
    for metric, numbers in expected.items():
        measured = compared.differences[metric].model_dump()
        assert measured == pytest.approx(numbers, rel=1e-3, abs=1e-5), metric
    measured_champion = judgement["champions"][0]["metrics"]
    # Accuracy is at the champion's own threshold there, and at 0.5 here.
    for metric, (value, *interval) in compared.champion.items():
        if metric == "accuracy":
            continue
        assert value == pytest.approx(measured_champion[metric], rel=1e-4, abs=2e-5)
        kept = measured_champion["interval"][metric]
        assert interval == pytest.approx(kept, rel=1e-3, abs=2e-5)
    assert compared.not_worse == check["passed"] or len(check["compared"]) > 1


DOCUMENTS = (
    "06_models/candidate.keras",
    "07_model_output/reference.json",
    "08_reporting/decision.json",
    "08_reporting/metrics.json",
)


@each_environment("words")
def test_a_candidate_is_judged_beside_the_old_champion_and_leaves_the_same_names(
    env: str, left: Project
) -> None:
    """A name that a release wrote is still written, so programs that read it find it."""
    before = {output: left.versions(output, env) for output in DOCUMENTS}
    # More test rows: the champions were trained on the rows that are added.
    changed = "split.test_fraction=0.4,training.epochs=3,retraining.exit_on_untrusted_data=0"
    here_in(left, *RETRAINING, "--env", env, "--params", changed)
    decision = json.loads(left.versions("08_reporting/decision.json", env)[-1].read_text())
    standing = decision["judgement"]["champions"]
    assert standing[0]["run_id"] == log_of(left, env)[-2]["serves_now"]
    assert [champion["not_compared"] for champion in standing] == [None] * len(standing)
    assert all(champion["left_out_rows"] > 0 for champion in standing)
    assert decision["judgement"]["drift"]["not_compared"] is None

    # Classes have their names, and numbers are written as people write them.
    for output in ("candidate_predictions", "champion_predictions"):
        table = pd.read_csv(left.versions(f"07_model_output/{output}.csv", env)[-1])
        classes = load_champion(left.path, env).schema.task.classes
        assert not classes or {*table["label"]} == {*classes}
        endings = {name.partition("_")[2] for name in table if "_" in name}
        assert endings == {0: {"lower", "upper"}, 2: set()}.get(len(classes), {*classes})
    if env != "histories":  # of which customers are drawn, whom these files do not name
        assert_compared_alike(left, env, decision["judgement"])
    page = left.versions("08_reporting/report.html", env)[-1].read_text()
    assert re.search(r"[1-9]e\+\d", page.partition("<h2>The features")[2][:20_000]) is None

    for output, versions in before.items():
        # The second decision has a champion to compare with, as the new one has.
        gone = kept_names(versions[min(1, len(versions) - 1)]) - kept_names(
            left.versions(output, env)[-1]
        )
        # Only 0.1.0 wrote the lineage of a network, estimated a performance without labels, and
        # had a pipeline that searched for parameters, and a switch for possible leaks.
        old = (".config.schema.lineage", ".estimated", ".evaluated_rows", ".parameters.tuning")
        # The past features that are chosen depend on the train rows.
        chosen = (".config.schema.row.quantiles.", ".config.schema.row.origin.")
        gone = {name for name in gone if not name.startswith(old + chosen)}
        gone -= {".parameters.promotion.refuse_possible_leaks"}
        assert not gone, f"{output}: these names are gone"
    lines = log_of(left, env)
    assert {*lines[0]} <= {*lines[-1]}


# The number of a file's format ---------------------------------------------------------------

NEWER = f"it was written by a newer version of tabular-lstm than {__version__}, which reads "
LOG = "08_reporting/promotions.jsonl"
CANDIDATE = "06_models/candidate.keras"
PREDICTIONS = "07_model_output/predictions"
# By file: the entry of the catalog that reads it, and the type of its content.
TYPES: dict[str, tuple[str, type[BaseModel] | None]] = {
    LOG: ("champion", LogEntry),
    CANDIDATE: ("candidate@file", Arguments),
    PREDICTIONS: ("predictions", Manifest),
    "07_model_output/reference.json": ("reference", Reference),
    "08_reporting/decision.json": ("decision", Decision),
    "08_reporting/metrics.json": ("metrics", None),
}


def newest_file(project: Path, output: str) -> Path:
    path = project / "data/number" / output
    return path if path.is_file() else max(path.glob(f"*/{NAMES.get(output, path.name)}"))


NAMES = {PREDICTIONS: "manifest.json"}


def document_of(path: Path) -> dict[str, Any]:
    """Read the document of a file: of the log the last line, of a network its arguments."""
    if path.suffix == ".keras":
        return json.loads(zipfile.ZipFile(path).read("config.json"))["config"]
    return json.loads(
        path.read_text().splitlines()[-1] if path.suffix == ".jsonl" else path.read_text()
    )


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write the document of a file; all else in the file stays."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        config = {**json.loads(members["config.json"]), "config": document}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**members, "config.json": json.dumps(config)}.items():
                archive.writestr(name, content)
    elif path.suffix == ".jsonl":
        lines = [*path.read_text().splitlines()[:-1], json.dumps(document)]
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text(json.dumps(document))


@pytest.fixture(scope="module", params=KEPT)
def left_number(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, CatalogProtocol]:
    """What each release left in its environment `number`, and its catalog."""
    path = tmp_path_factory.mktemp("number")
    with KedroSession.create(copy_of(request.param, "number", path).path, env="number") as session:
        return path, session.load_context().catalog


def read_as_a_run(catalog: CatalogProtocol, entry: str) -> None:
    value = catalog.load(entry)
    if isinstance(value, Artifact):
        value.scorer  # noqa: B018  read on the first use


@pytest.mark.parametrize("output", TYPES)
def test_a_file_without_a_format_has_format_1_and_an_unknown_format_is_refused(
    output: str, left_number: tuple[Path, CatalogProtocol]
) -> None:
    project, catalog = left_number
    read = partial(read_as_a_run, catalog, TYPES[output][0])
    path = newest_file(project, output)
    document, content = document_of(path), path.read_bytes()
    found = document.pop("format")
    assert found in ({1, 2} if output == CANDIDATE else {1})  # version 0.1.0 wrote no format 2
    write_document(path, document)
    with nullcontext() if found == 1 else pytest.raises(NoNetworkError, match="no format 1"):
        read()
    newer = 3 if output == CANDIDATE else 2
    for unknown in (newer, 10**9, 0, -5, 1.0, True, "1", None):
        write_document(path, {**document, "format": unknown, "of_a_later_version": 1})
        with pytest.raises((DatasetError, DataError)) as refusal:
            read()
        told = str(refusal.value)
        assert path.name in told
        # Only a higher number is of a newer version; no version writes the others.
        if type(unknown) is int and unknown >= newer:
            assert f"{NEWER}format 1" in told
            assert f"and its format is {unknown}. Install that version, or" in told
            assert "docs/upgrading.md" in told
            assert "damaged" not in told
        else:
            assert f"its format is {unknown!r}, expected a whole number from 1 on" in told
            assert "newer version" not in told
    path.write_bytes(content)


DECISION = "08_reporting/decision.json"
# By file that has fields: the entry of the catalog that reads it.
ENTRIES = {output: entry for output, (entry, model) in TYPES.items() if model} | {
    "06_models/train_fingerprints.npz": "train_fingerprints",
    "08_reporting/scoring_drift.json": "scoring_drift",
    "08_reporting/scoring_summary.json": "scoring_summary",
}
TOMORROW = {"of_tomorrow": 1}


def leave_of_tomorrow(path: Path, place: tuple[str, ...] = ()) -> None:
    """Add a field of tomorrow to a file, in the block at this place of its document."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            np.savez(path, **file, **TOMORROW)
        return
    document = block = document_of(path)
    for name in place:
        block = block[name]
    block |= TOMORROW
    write_document(path, document)


@pytest.mark.parametrize(
    ("output", "place"),
    [
        *((output, ()) for output in ENTRIES),
        (CANDIDATE, ("schema",)),
        (CANDIDATE, ("options",)),
        (DECISION, ("judgement", "candidate")),
        (DECISION, ("judgement", "data")),
        (LOG, ("inputs",)),
    ],
)
def test_a_file_with_a_field_of_tomorrow_is_of_a_newer_version_and_not_damaged(
    output: str, place: tuple[str, ...], left_number: tuple[Path, CatalogProtocol]
) -> None:
    project, catalog = left_number
    path = newest_file(project, output)
    content = path.read_bytes()
    leave_of_tomorrow(path, place)
    with pytest.raises((DatasetError, DataError)) as refusal:
        read_as_a_run(catalog, ENTRIES[output])
    path.write_bytes(content)
    message = str(refusal.value)
    assert str(path) in message
    assert re.search(rf"{re.escape(NEWER)}no (field|array) '[\w.]*of_tomorrow'\. Install", message)
    assert "Install that version, or go back as docs/upgrading.md says" in message
    assert not re.search("damaged|edited|changed|move it|retrain", message.replace(str(path), ""))


@pytest.mark.parametrize("release", KEPT)
@pytest.mark.parametrize(
    ("pipeline", "output"),
    [
        *((name, LOG) for name in ("retraining", "rollback", "scoring", "monitoring")),
        *((name, CANDIDATE) for name in ("retraining", "scoring")),
        ("retraining", DECISION),
    ],
)
@pytest.mark.parametrize("env", ["number"])
def test_a_run_that_meets_a_file_of_tomorrow_is_refused_as_of_a_newer_version(
    pipeline: str, output: str, env: str, left: Project
) -> None:
    path = newest_file(left.path, output)
    leave_of_tomorrow(path)
    log, decision = newest_file(left.path, LOG), newest_file(left.path, DECISION)
    if output == CANDIDATE:
        write_document(decision, document_of(decision) | {"sha256": sha256(path.read_bytes())})
    # The log names all as it is.
    entry = LogEntry.of(decision.read_bytes()).model_dump(exclude={"line_before"})
    write_document(log, document_of(log) | entry)
    params = "training.seed=7,scoring.force=true"
    message = message_of(here("run", "--pipelines", pipeline, "--env", env, "--params", params))
    assert str(path) in message
    assert NEWER in message
    assert not re.search("damaged|edited|changed|move it|retrain", message.replace(str(path), ""))


@pytest.mark.parametrize("output", [output for output, (_, model) in TYPES.items() if model])
@pytest.mark.parametrize("release", KEPT)
def test_a_field_of_a_release_cannot_be_deleted_or_renamed_unnoticed(
    release: str, output: str
) -> None:
    """A type without one of its fields does not read the file that the release left."""
    document, model = document_of(newest_file(RELEASES / release, output)), TYPES[output][1]
    assert model is not None
    written = json.dumps(document)
    assert json.loads(model.model_validate_json(written).model_dump_json(by_alias=True)) == document
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for deleted in document:
        rest = {
            name: (field.annotation, field) for name, field in fields.items() if name != deleted
        }
        without = create_model("Without", __base__=Frozen, **rest)
        with pytest.raises(ValidationError, match=f"(?s){deleted}.*Extra inputs are not permitted"):
            without.model_validate_json(written)
