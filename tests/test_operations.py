"""Operations: the backup brings the champion back; the page names what holds a person's data."""

import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.helpers.champions import log_of
from tests.helpers.commands import ALARM, RETRAINING, here, logged, seed, succeeds
from tests.helpers.documents import BLOCK, text
from tests.helpers.project import QUICK, Project
from tests.helpers.scorings import SCORING, predictions_of

PAGE = text("docs/operations.md")
SAME = ["row", "probability", "decision", "champion", "champion_sha256"]


def copy(line: str, project: Project, backup: Path) -> None:
    """Run a line of the page in the project, with another folder for the backup."""
    line = line.replace("/backup/", f"{backup}/")
    subprocess.run(["bash", "-euc", line], cwd=project.path, check=True)


@pytest.mark.long
def test_a_backup_during_a_promotion_is_restored_as_it_was_before_it(
    served: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    backup = tmp_path_factory.mktemp("backup")
    save, restore = (code for language, code in BLOCK.findall(PAGE) if language == "sh")
    logs, rest = save.splitlines()
    succeeds(here(*SCORING))
    before = predictions_of(served)

    copy(logs, served, backup)
    succeeds(here(*RETRAINING, *seed(2)))
    copy(rest, served, backup)
    assert [line["action"] for line in log_of(served)] == ["promoted", "promoted"]
    for name in ("conf", "data", "src"):
        shutil.rmtree(served.path / name)
    (served.path / "pyproject.toml").unlink()
    copy(restore, served, backup)

    succeeds(here(*SCORING, "--params", "scoring.force=true"))
    after = predictions_of(served)
    assert set(after["run_id"]).isdisjoint(before["run_id"])
    pd.testing.assert_frame_equal(after[SAME], before[SAME])
    assert "had the same data, parameters and code, and it " in logged(*RETRAINING)
    assert [line["action"] for line in log_of(served)] == ["promoted"]


# Cells of one person each: a key, a category, the largest number, and one that is no number.
TRAINED = ("TRAINEDKEY", "RARETOWN", "9876.54", "NONUMBER")
SCORED = ("SCOREDKEY", "NEITHERNUMBER")


def people(project: Project) -> None:
    """Write an environment with rows of people, some of whom can be found by their cells."""
    rng = np.random.default_rng(0)
    amount = rng.uniform(0, 100, 400).round(3)
    sold = np.where((np.abs(amount - 50) < 25) ^ (rng.random(400) < 0.03), "yes", "no")
    rows = pd.DataFrame(
        {
            "key": [f"key{number}" for number in range(400)],
            "amount": amount.astype(str),
            "height": rng.uniform(150, 200, 400).round(3).astype(str),
            "town": rng.choice(["alpha", "beta"], 400),
            "sold": sold,
        }
    )
    new = rows[:60].drop(columns="sold").assign(key=[f"new{number}" for number in range(60)])
    key, town, height, amount_cell = TRAINED
    rows.loc[5, "key"] = key
    rows.loc[5:14, "town"] = town
    rows.loc[9, "height"] = height
    rows.loc[11, "amount"] = amount_cell
    new.loc[5, "key"], new.loc[7, "amount"] = SCORED
    conf = project.path / "conf/people"
    conf.mkdir()
    raw = project.path / "data/01_raw"
    catalog = {}
    for name, table in (("raw_rows", rows), ("rows_to_score", new)):
        table.to_csv(raw / f"{name}.csv", index=False)
        path = f"data/01_raw/{name}.csv"
        catalog[name] = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": path}
    columns = {"label": "sold", "positive_class": "yes", "negative_class": "no", "key": "key"}
    columns |= {"categorical": ["town"], "known_in_time": ["amount"]}
    evaluation = {**QUICK["evaluation"], "segments": ["town"]}
    parameters = {**QUICK, "columns": columns, "evaluation": evaluation}
    (conf / "catalog.yml").write_text(json.dumps(catalog))
    (conf / "parameters.yml").write_text(json.dumps(parameters))
    labels = project.path / "data/people/01_raw/late_labels.csv"
    labels.parent.mkdir(parents=True)
    new[["key"]].assign(sold=sold[:60]).to_csv(labels, index=False)


def content(path: Path) -> bytes:
    """All that can be read in a file: cells of a table, members of an archive."""
    found = path.read_bytes()
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv().encode()
    if path.suffix in {".keras", ".npz"}:
        archive = zipfile.ZipFile(io.BytesIO(found))
        return b"\n".join(archive.read(name) for name in archive.namelist())
    return found


@pytest.mark.long
def test_the_page_names_each_file_that_holds_data_of_a_person(project: Project) -> None:
    people(project)
    succeeds(here(*RETRAINING, "--env", "people"))
    for pipeline in ("scoring", "monitoring"):
        ended = here("run", "--pipelines", pipeline, "--env", "people")
        assert ended.returncode in {0, ALARM}, ended.stderr

    holds: dict[str, set[str]] = {cell: set() for cell in (*TRAINED, *SCORED)}
    for path in (project.path / "data/people").glob("0[2-8]_*/**/*.*"):
        layer, name, *_ = path.relative_to(project.path / "data/people").parts
        if path.is_file():
            for cell, files in holds.items():
                if cell.encode() in content(path):
                    files.add(layer if layer < "04" else name)
    assert all(holds.values())
    table = PAGE.partition("## How to erase a person")[2]
    for name in set().union(*holds.values()):
        assert f"`{'latest*' if name.startswith('latest') else name}`" in table, name
    assert holds["SCOREDKEY"] == {"predictions"}
    key, *_ = TRAINED
    assert holds[key] == {"03_primary"}
