"""A run knows what it was made of."""

import os
import pwd
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pydantic
import pytest

import tabular_lstm
from tabular_lstm.frozen import Parameters, unless
from tabular_lstm.parameters import BLOCKS
from tabular_lstm.runs.provenance import PRIVATE, parameters_hash, provenance
from tabular_lstm.serving.decision import Provenance
from tests.helpers.logs import run

RAW = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": "data/01_raw/rows.csv"}


def blocks() -> dict[str, Parameters]:
    columns = {"label": "sold", "positive_class": 1, "negative_class": 0}
    return {
        name: block.model_validate(columns if name == "columns" else {})
        for name, block in BLOCKS.items()
    }


def dumped(blocks: dict[str, Parameters]) -> dict[str, dict[str, Any]]:
    return {name: block.model_dump(by_alias=True) for name, block in blocks.items()}


DEFAULTS = dumped(blocks())


def made_of(project: Path, env: str | None = None) -> Provenance:
    return provenance(run("a"), project, env, blocks(), RAW)


def git(path: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=path, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_user_of_the_process_decides_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")
    made = made_of(tmp_path)
    assert (made.user, made.host) == (pwd.getpwuid(os.getuid()).pw_name, socket.gethostname())
    monkeypatch.setattr(os, "getuid", lambda: 3_141_592)  # of a container, in no list of users
    assert made_of(tmp_path).user == "unknown"


def test_the_commit_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert made_of(tmp_path).git_commit is None
    git(tmp_path, "init")
    assert made_of(tmp_path).git_commit is None
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "untracked").write_text("data")
    assert made_of(tmp_path).git_commit == commit
    (tmp_path / "file").write_text("two")
    assert made_of(tmp_path).git_commit == f"{commit}+"


def test_time_packages_and_parameters(tmp_path: Path) -> None:
    made = made_of(tmp_path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made.time)
    assert {"python", "tensorflow", "keras", "kedro", "numpy"} <= made.packages.keys()
    assert made.parameters == {n: b for n, b in DEFAULTS.items() if n not in PRIVATE}
    assert made.parameters_sha256 == parameters_hash(DEFAULTS, RAW)
    assert made.packages["tabular-lstm"] == tabular_lstm.__version__
    assert Provenance.model_validate_json(made.model_dump_json()).packages == made.packages
    written = ("run_id", "time", "user", "host", "environment", "parameters", "packages")
    written = (*written, "git_commit")
    assert made.of_decision() == {name: getattr(made, name) for name in written}
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        made.time = "later"


@pytest.mark.parametrize(
    ("block", "name", "value", "counts"),
    [
        ("columns", "positive_class", 2, True),
        ("columns", "ignore", ["age"], True),
        ("split", "salt", "other", True),
        ("reshaping", "features_per_step", 4, True),
        ("network", "kind", "keras", True),
        ("network", "build", "churn.networks.build", True),
        ("training", "seed", 1, True),
        ("promotion", "confidence", 0.9, True),
        ("evaluation", "bootstrap_resamples", 100, True),
        ("promotion", "start_over", True, False),
        ("promotion", "hold", True, False),
        ("promotion", "keep_candidates", 1, False),
        ("retraining", "force", True, False),
        ("monitoring", "false_alarms", 0.05, False),
        ("monitoring", "on_drift", "stop", True),
    ],
)
def test_what_may_change_a_decision_counts(block: str, name: str, value: Any, counts: bool) -> None:
    changed = {**DEFAULTS, block: {**DEFAULTS[block], name: value}}
    assert (parameters_hash(changed, RAW) != parameters_hash(DEFAULTS, RAW)) == counts


def test_a_parameter_of_a_newer_version_does_not_count() -> None:
    """The hash of the same conf stays, so that a night after an upgrade trains nothing."""

    class Training(BLOCKS["training"]):  # type: ignore[misc, name-defined]
        warm_up: int = unless(3)

    class Weather(Parameters):
        rain: bool = unless(True)

    newer = {**blocks(), "training": Training(), "weather": Weather()}
    assert parameters_hash(dumped(newer), RAW) == parameters_hash(DEFAULTS, RAW)
    newer["training"] = Training(warm_up=4)
    assert parameters_hash(dumped(newer), RAW) != parameters_hash(DEFAULTS, RAW)
    # So does the way the file is read, and not how it is shown.
    other = {**RAW, "load_args": {"decimal": ","}}
    assert parameters_hash(DEFAULTS, other) != parameters_hash(DEFAULTS, RAW)
    shown = {**RAW, "metadata": {"kedro-viz": {"layer": "raw"}}}
    assert parameters_hash(DEFAULTS, shown) == parameters_hash(DEFAULTS, RAW)
