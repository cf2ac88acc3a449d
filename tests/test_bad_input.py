"""Each bad input of a real `kedro run`: one clear message, exit code 1, no output touched."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabular_lstm.rows.cells import LARGEST
from tests.helpers.commands import here, message_of, succeeds
from tests.helpers.once import Once
from tests.helpers.project import TINY, Project, declare

ROWS = ("run", "--pipelines", "data_processing")
HEADER = "pregnancies,glucose,blood_pressure,skin_thickness,insulin,bmi,pedigree,age,diabetes"

# A process of its own would print them.
pytestmark = [
    pytest.mark.filterwarnings("error::FutureWarning"),
    pytest.mark.filterwarnings("error::RuntimeWarning"),
]

Damage = Callable[[Path], object]


@pytest.fixture
def refused(project: Project, once: Once, caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Run the command after a good run, which must fail cleanly, and give its message.

    It may add a version of the outputs before the node that refused, and change nothing.
    """
    once("reshaped", project, lambda: project.run("data_processing", "reshaping"))

    def run_refused() -> str:
        before = project.files()
        caplog.clear()
        ended = here(*ROWS)
        message = message_of(ended)
        everything = ended.stderr + ended.stdout + caplog.text
        assert "Traceback" not in everything
        assert all(everything.count(line) == 1 for line in message.splitlines())
        after = project.files()
        assert before.items() <= after.items(), "an output was changed"
        new = set(after) - set(before)
        assert all(path.startswith("data/02_intermediate/") for path in new)
        return message

    return run_refused


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


def renamed(csv: Path) -> None:
    csv.write_text(csv.read_text().replace("diabetes", "outcome"))


FILES: dict[str, tuple[Damage, tuple[str, ...]]] = {
    "file missing": (Path.unlink, ("no such file",)),
    "empty": (lambda csv: csv.write_bytes(b""), ("the file is empty", "expected a header")),
    "not UTF-8": (latin1, ("not 'utf-8', near", "encoding: latin-1")),
    "an index without a name": (
        lambda csv: pd.read_csv(csv).to_csv(csv),
        ("column 'Unnamed: 0' has no name of its own", "to_csv(index=False)"),
    ),
    "label column absent": (
        renamed,
        ("column 'diabetes' is not in the file", "It has: pregnancies", "outcome"),
    ),
    "one class only": (
        cells("diabetes", "0", rows=768),
        (
            "too few rows to split: on the train side 0 rows with diabetes = 1",
            "expected at least 2",
        ),
    ),
}


def test_a_bad_file_gets_one_message_and_changes_nothing(
    project: Project, refused: Callable[[], str]
) -> None:
    whole = project.raw.read_bytes()
    for name, (damage, facts) in FILES.items():
        damage(project.raw)
        message = refused()
        missing = [fact for fact in (str(project.raw), *facts) if fact not in message]
        assert not missing, f"{name}: {message}"
        project.raw.write_bytes(whole)


def test_a_bad_file_of_a_directory_is_refused_by_its_name(
    project: Project, refused: Callable[[], str]
) -> None:
    folder = project.path / "data/01_raw/daily"
    folder.mkdir()
    (project.path / "conf/local/catalog.yml").write_text(
        "raw_rows: {type: tabular_lstm.datasets.RawRowsDataset, filepath: data/01_raw/daily}"
    )
    assert f"{folder}: expected files named *.csv directly in" in refused()
    for name in ("2026-11-01.csv", "2026-11-02.csv"):
        (folder / name).write_text(project.raw.read_text())
    cells("age", "130", rows=80)(folder / "2026-11-02.csv")
    message = refused()
    assert f"{folder}: 80 of 1536 rows" in message
    assert "rows 2026-11-02.csv:1, 2026-11-02.csv:2" in message
    assert "and 70 more: age: 130 is outside [18, 120]" in message


def test_an_output_that_cannot_be_written_is_said_in_one_line(project: Project) -> None:
    (project.path / "data/03_primary").write_text("a file where a folder must be")
    assert "03_primary" in message_of(here(*ROWS))


# Bad rows


def quarantined(project: Project) -> pd.DataFrame:
    """Read the newest quarantine CSV as text."""
    path = project.versions("02_intermediate/quarantined_rows.csv")[-1]
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_a_few_bad_rows_are_set_aside_and_the_rest_goes_on(project: Project) -> None:
    lines = project.raw.read_text().splitlines()
    bad = {
        3: ("8,high,64,0,0,23.3,0.672,32,1", "glucose: 'high' is not a number"),
        5: ("0,137,40,35,168,43.1,2.288,130,1", "age: 130 is outside [18, 120]"),
        8: ("10,115,0,0,0,35.3,0.134,29,2", "diabetes: '2' is neither 1 nor 0"),
        9: ('2,197,70,45,543,inf,0.158,"53, or so",1', "bmi: inf is infinite"),
        768: ("1,93,70,31,0,30.4,0.315,23,maybe", "diabetes: 'maybe' is neither 1 nor 0"),
    }
    for row, (line, _) in bad.items():
        lines[row] = line
    project.raw.write_text("\n".join(lines) + "\n")
    succeeds(here(*ROWS))

    aside = quarantined(project)
    assert aside.columns.tolist() == ["row", "reason", *HEADER.split(",")]
    assert aside["row"].tolist() == [str(row) for row in bad]
    for (_, fact), reason in zip(bad.values(), aside["reason"], strict=True):
        assert fact in reason
    assert aside["reason"][3].endswith("; age: '53, or so' is not a number")
    assert aside.iloc[2, 2:].tolist() == bad[8][0].split(",")
    numbers = sorted([*bad, *project.rows("train").index, *project.rows("test").index])
    assert numbers == list(range(1, 769))


def test_at_the_limit_the_run_goes_on_and_above_it_stops(
    project: Project, refused: Callable[[], str]
) -> None:
    project.raw.write_text("\n".join(project.raw.read_text().splitlines()[:101]) + "\n")
    cells("glucose", "high", rows=5)(project.raw)
    succeeds(here(*ROWS))
    assert len(project.rows("train")) + len(project.rows("test")) == 95

    cells("glucose", "high", rows=6)(project.raw)
    message = refused()
    assert "6 of 100 rows" in message
    assert "rows 1, 2, 3, 4, 5, 6: glucose: 'high' is not a number" in message
    assert "max_quarantined_fraction = 0.05" in message


@pytest.mark.long
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


def with_unlabelled(project: Project) -> int:
    """Put twice as many rows without a label between the others, some not readable at all."""
    rows = pd.read_csv(project.raw, dtype=str, keep_default_na=False)
    more = pd.concat([rows, rows], ignore_index=True).assign(diabetes="", age="77")
    more.loc[::10, ["glucose", "age"]] = ["high", "-3"]
    more.loc[::3, "diabetes"] = "NA"
    whole = pd.concat([rows, more], ignore_index=True)
    # The labelled rows stay in their order.
    at = np.sort(np.random.default_rng(0).choice(len(whole), len(rows), replace=False))
    places = np.full(len(whole), -1)
    places[at] = np.arange(len(rows))
    places[places < 0] = np.arange(len(rows), len(whole))
    whole.iloc[places].to_csv(project.raw, index=False)
    return len(more)


def test_most_rows_without_a_label_pass_and_the_guard_still_guards(project: Project) -> None:
    """The profile of such a table raises no limit, and its run sets none of these rows aside."""
    with_unlabelled(project)
    rows = pd.read_csv(project.raw, dtype=str, keep_default_na=False)
    path = project.path / "few.csv"
    rows.to_csv(path, index=False)
    page = succeeds(here("profile", "few.csv", "--env", "few"))
    assert "1536 unlabelled, left out" in page
    succeeds(here(*ROWS, "--env", "few"))
    summary = project.versions("03_primary/data_summary.json", "few")[-1]
    data = json.loads(summary.read_text())
    assert (data["unlabelled_rows"], data["quarantined_rows"]) == (1536, 0)

    labelled = np.flatnonzero(rows["diabetes"].isin(["0", "1"]))[:60]
    rows.loc[labelled, "pregnancies"] = "many"
    rows.to_csv(path, index=False)
    declare(project, **TINY)
    ended = here(*ROWS, "--env", "few")
    assert ended.returncode == 1
    assert "60 of 768 labelled rows were quarantined, more than" in ended.stderr
