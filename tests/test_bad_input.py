"""Each bad input of a real `kedro run`: one clear message, exit code 1, no output touched."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from tabular_lstm.cli import run
from tabular_lstm.rows.cells import LARGEST
from tests.helpers.once import Once
from tests.helpers.project import TINY, Project, declare

DATA_PROCESSING = ("--pipelines", "data_processing")
HEADER = "pregnancies,glucose,blood_pressure,skin_thickness,insulin,bmi,pedigree,age,diabetes"
# What later layers hold; made up, because the real ones take a training.
SERVING = [
    "06_models/candidate.keras/V/candidate.keras",
    "08_reporting/metrics.json/V/metrics.json",
]

# A process of its own would print them.
pytestmark = [
    pytest.mark.filterwarnings("error::FutureWarning"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]

Damage = Callable[[Path], object]
Refused = Callable[..., str]


@pytest.fixture
def reshaped(project: Project, once: Once) -> Project:
    """A project with the outputs of a good run."""
    once("reshaped", project, lambda: project.run("data_processing", "reshaping"))
    for name in SERVING:
        path = project.path / "data" / name
        path.parent.mkdir(parents=True)
        path.write_text("the last good run's")
    return project


@pytest.fixture
def refused(project: Project, caplog: pytest.LogCaptureFixture) -> Refused:
    """Run the command, which must fail cleanly, and give its message.

    It may add a version of the outputs before the node that refused, and change nothing.
    """

    def run_refused(*arguments: str) -> str:
        before = project.files()
        caplog.clear()
        result = CliRunner().invoke(run, arguments)
        said, log = result.stderr, result.stdout + caplog.text
        after = project.files()
        assert result.exit_code == 1, said + log
        assert "Traceback" not in said + log
        assert said.startswith("Error: ")
        message = said.removeprefix("Error: ").strip()
        assert all((said + log).count(line) == 1 for line in message.splitlines())
        assert before.items() <= after.items(), "an output was changed"
        new = set(after) - set(before)
        # A run registers before its first node.
        assert all(path.startswith(("data/02_intermediate/", "data/.runs/")) for path in new)
        return message

    return run_refused


def lines(edit: Callable[[list[str]], list[str]]) -> Damage:
    """Damage the CSV by editing the list of its lines, the header first."""

    def damage(csv: Path) -> None:
        csv.write_text("\n".join(edit(csv.read_text().splitlines())) + "\n")

    return damage


def cells(column: str, *values: str, rows: int) -> Damage:
    """Damage the first rows' cells of a column, with the values in turn."""

    def damage(csv: Path) -> None:
        frame = pd.read_csv(csv, dtype=str)
        frame.loc[: rows - 1, column] = [values[row % len(values)] for row in range(rows)]
        frame.to_csv(csv, index=False)

    return damage


def latin1(csv: Path) -> None:
    first, second, *others = csv.read_bytes().splitlines(keepends=True)
    csv.write_bytes(first + second + "müde\n".encode("latin-1") + b"".join(others))


# Above max_quarantined_fraction: 40 of 768 rows, where 38 are allowed.
MANY = "40 of 768 rows"
TEN = "rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 30 more: "

FILES: dict[str, tuple[Damage, tuple[str, ...]]] = {
    "file missing": (Path.unlink, ("no such file",)),
    "empty": (lambda csv: csv.write_bytes(b""), ("the file is empty", "expected a header")),
    "header only": (lines(lambda all_: all_[:1]), ("a header and no rows", "expected")),
    "wrong delimiter": (
        lines(lambda all_: [line.replace(",", ";") for line in all_]),
        ("the header is no list of names", "load_args in the catalog"),
    ),
    "not UTF-8": (latin1, ("not 'utf-8', near", "encoding: latin-1")),
    "label column absent": (
        lines(lambda all_: [HEADER.replace("diabetes", "outcome"), *all_[1:]]),
        ("column 'diabetes' is not in the file", "It has: pregnancies", "outcome"),
    ),
    "text in a numeric column": (
        cells("glucose", "high", rows=40),
        (MANY, TEN + "glucose: 'high' is not a number", "max_quarantined_fraction = 0.05"),
    ),
    "an index without a name": (
        lambda csv: pd.read_csv(csv).to_csv(csv),
        ("column 'Unnamed: 0' has no name of its own", "to_csv(index=False)"),
    ),
    "one class only": (
        cells("diabetes", "0", rows=768),
        ("column 'diabetes'", "one class only", "expected rows of 1 and 0", "none is 1"),
    ),
    "too few rows to split": (
        lines(lambda all_: all_[:6]),
        ("too few rows to split", "on the train side", "expected at least 2"),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_gets_one_message_and_changes_nothing(
    reshaped: Project, refused: Refused, name: str
) -> None:
    damage, facts = FILES[name]
    damage(reshaped.raw)
    message = refused(*DATA_PROCESSING)
    assert str(reshaped.raw) in message
    for fact in facts:
        assert fact in message


PARAMETERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "an unknown block": ("trainig: {epochs: 5}", ("'trainig' is unknown", "'training'")),
    "test_fraction 1.5": (
        "split: {test_fraction: 1.5}",
        ("'split'", "test_fraction = 1.5", "less than 1"),
    ),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_bad_parameter_gets_one_message_and_changes_nothing(
    reshaped: Project, refused: Refused, name: str
) -> None:
    text, facts = PARAMETERS[name]
    (reshaped.path / "conf/local/parameters.yml").write_text(text)
    message = refused()
    for fact in facts:
        assert fact in message


def test_a_bad_file_of_a_directory_is_refused_by_its_name(
    reshaped: Project, refused: Refused
) -> None:
    folder = reshaped.path / "data/01_raw/daily"
    folder.mkdir()
    (reshaped.path / "conf/local/catalog.yml").write_text(
        "raw_rows: {type: tabular_lstm.datasets.RawRowsDataset, filepath: data/01_raw/daily}"
    )
    assert f"{folder}: expected files named *.csv directly in" in refused(*DATA_PROCESSING)
    for name in ("2026-11-01.csv", "2026-11-02.csv"):
        (folder / name).write_text(reshaped.raw.read_text())

    cells("age", "130", rows=80)(folder / "2026-11-02.csv")
    message = refused(*DATA_PROCESSING)
    assert f"{folder}: 80 of 1536 rows" in message
    assert "rows 2026-11-02.csv:1, 2026-11-02.csv:2" in message
    assert "and 70 more: age: 130 is outside [18, 120]" in message


def test_an_output_that_cannot_be_written_is_said_in_one_line(project: Project) -> None:
    (project.path / "data/03_primary").write_text("a file where a folder must be")
    finished = project.command("run", *DATA_PROCESSING)
    assert finished.returncode == 1
    assert finished.stderr.startswith("Error: ")
    assert "03_primary" in finished.stderr
    assert "Traceback" not in finished.stdout + finished.stderr


# Bad rows


def quarantined(project: Project) -> pd.DataFrame:
    """Read the newest quarantine CSV as text."""
    path = project.versions("02_intermediate/quarantined_rows.csv")[-1]
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_a_few_bad_rows_are_set_aside_and_the_rest_goes_on(project: Project) -> None:
    all_ = project.raw.read_text().splitlines()
    bad = {
        3: ("8,high,64,0,0,23.3,0.672,32,1", "glucose: 'high' is not a number"),
        5: ("0,137,40,35,168,43.1,2.288,130,1", "age: 130 is outside [18, 120]"),
        8: ("10,115,0,0,0,35.3,0.134,29,2", "diabetes: '2' is neither 1 nor 0"),
        9: ('2,197,70,45,543,inf,0.158,"53, or so",1', "bmi: inf is infinite"),
        768: ("1,93,70,31,0,30.4,0.315,23,maybe", "diabetes: 'maybe' is neither 1 nor 0"),
    }
    for row, (line, _) in bad.items():
        all_[row] = line
    project.raw.write_text("\n".join(all_) + "\n")

    result = CliRunner().invoke(run, DATA_PROCESSING)
    assert result.exit_code == 0, result.output

    found = quarantined(project)
    assert found.columns.tolist() == ["row", "reason", *HEADER.split(",")]
    assert found["row"].tolist() == [str(row) for row in bad]
    for (_, fact), reason in zip(bad.values(), found["reason"], strict=True):
        assert fact in reason
    assert found["reason"][3].endswith("; age: '53, or so' is not a number")
    assert found.iloc[2, 2:].tolist() == bad[8][0].split(",")

    sides = [project.rows("train"), project.rows("test")]
    numbers = sorted([*bad, *sides[0].index, *sides[1].index])
    assert numbers == list(range(1, 769))


def test_at_the_limit_the_run_goes_on_and_above_it_stops(
    project: Project, refused: Refused
) -> None:
    lines(lambda all_: all_[:101])(project.raw)
    cells("glucose", "high", rows=5)(project.raw)
    result = CliRunner().invoke(run, DATA_PROCESSING)
    assert result.exit_code == 0, result.output
    assert len(project.rows("train")) + len(project.rows("test")) == 95

    cells("glucose", "high", rows=6)(project.raw)
    message = refused(*DATA_PROCESSING)
    assert "6 of 100 rows" in message
    assert "rows 1, 2, 3, 4, 5, 6: glucose: 'high' is not a number" in message
    assert "max_quarantined_fraction = 0.05" in message


def test_numbers_up_to_the_limit_go_through_a_whole_run_without_a_warning(
    project: Project,
) -> None:
    """Sums and differences of larger ones of both signs leave float32."""
    rng = np.random.default_rng(0)
    rows = pd.read_csv(project.raw)
    signs = rng.choice([-LARGEST, LARGEST], len(rows))
    rare = rng.random(len(rows)) < 0.02
    rows = rows.assign(glucose=signs, bmi=np.where(rare, signs, rows["bmi"]), insulin=LARGEST)
    beyond = rows.assign(glucose=1.7e38)[:9]
    pd.concat([rows, beyond]).to_csv(project.raw, index=False)
    declare(
        project, columns={"label": "diabetes", "positive_class": 1, "negative_class": 0}, **TINY
    )
    project.run()
    assert project.metrics()["data"]["quarantined_rows"] == 9
    assert set(quarantined(project)["reason"]) == {
        "glucose: 1.7e+38 is infinite or beyond 1e+30 in size"
    }
