"""Parameters that are adopted: one new file of the environment, and nothing else is touched."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import TUNABLE, Ensemble, Network, Training, values_of
from tabular_lstm.runs.tuning_adoption import FILE, adopt
from tabular_lstm.tuning.trials import BestParameters, Trial
from tests.helpers.project import Project


def found(**training: Any) -> BestParameters:
    network = Network(ensemble=Ensemble(units=[32], dropout=0.25))
    block = Training(**{"epochs": 50, "learning_rate": 0.0125, **training})
    measured = Trial(trial=3, log_loss=0.4, values=values_of(network, block, TUNABLE))
    return BestParameters(
        run_id="2026-11-26T22.18.45.038Z",
        study="a",
        trials=3,
        diverged=0,
        present=measured,
        best=measured,
        network=network,
        training=block,
    )


def files(conf: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in conf.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("env", "folder"), [("mine", "mine"), (None, "local")])
def test_the_environment_gets_one_file_which_the_next_tuning_replaces(
    project: Project, env: str | None, folder: str
) -> None:
    conf = project.path / "conf"
    (conf / folder).mkdir(exist_ok=True)
    (conf / folder / "parameters.yml").write_text(
        # An interpolation, and a tag that Kedro reads.
        'report: {title: "${globals:lab}", file: !!python/object/apply:pathlib.PosixPath [lab]}\n'
    )
    (conf / folder / "parameters_more.json").write_text('{"report": {}}')
    before = files(conf)
    path = adopt(found(), conf, env)
    assert path == conf / folder / FILE
    content = path.read_text()
    assert content.startswith("# Written by kedro run --pipelines tuning, run 2026-11-26T22")
    assert yaml.safe_load(content) == found().model_dump(
        mode="json", include={"network", "training"}
    )
    adopt(found(learning_rate=0.5), conf, env)
    assert yaml.safe_load(path.read_text())["training"]["learning_rate"] == 0.5
    assert {p: c for p, c in files(conf).items() if p != path} == before


@pytest.mark.parametrize(
    ("env", "name", "text"),
    [
        ("mine", "parameters.yml", "training: {groups: 2}\n"),
        ("mine", "parameters.json", '{"training": {"groups": 2}}'),
        ("mine", "more/parameters.yaml", "network: {}\n"),
        ("base", "parameters_more.yml", "{}\n"),
    ],
)
def test_where_another_file_has_the_blocks_the_lines_are_given(
    project: Project, env: str, name: str, text: str
) -> None:
    conf = project.path / "conf"
    path = conf / env / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    before = files(conf)
    with pytest.raises(DataError, match=r"Not adopted: .* has network or training\.") as error:
        adopt(found(), conf, env)
    lines = yaml.safe_load(str(error.value).partition("there:\n")[2])
    assert lines["training"]["learning_rate"] == 0.0125
    assert files(conf) == before
