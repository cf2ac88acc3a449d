"""Tables written in place of the raw rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabular_lstm.task import CLASSES, TWO_CLASSES
from tests.helpers.project import Project, declare

LABEL = "diabetes"
# Of each task, see `write_task`.
LABELS = [LABEL, "size", "price"]
HOSTILE_NAME = "</script><script>document.title='mine'</script>"
HOSTILE_CELL = '<script>document.title="mine"</script>'


def write_people(project: Project, gaps: bool = True, dates: bool = False) -> None:
    """Write a CSV with categories, of which the color tells the label, and with gaps in each.

    With `dates` it has a column of them too, `seen`, with a gap and a code for "not measured".
    """
    rng = np.random.default_rng(5)
    count = 400
    color = rng.choice(["red", "blue", "green"], count)
    age = rng.integers(18, 80, count)
    warm = np.where(color == "red", 1, np.where(color == "blue", 0, rng.random(count) < 0.5))
    rows = pd.DataFrame(
        {
            "age": age.astype(str),
            "color": color,
            # Codes stay text: 007 is not 7.
            "code": rng.choice(["007", "7", "1.0"], count),
            "income": rng.normal(30_000, 9_000, count).round(2).astype(str),
            "warm": np.where(warm, "yes", "no"),
        }
    )
    if gaps:
        rows.loc[::10, "color"] = ["", "NA", "unknown", " "] * 10
        rows.loc[5::20, "code"] = "null"
        rows.loc[3::9, "income"] = ""
    # A single row has this color: it is on one side of the split.
    rows.loc[1, "color"] = "violet"
    columns = {
        "label": "warm",
        "positive_class": "yes",
        "negative_class": "no",
        "categorical": ["color", "code"],
        "missing": {"color": ["unknown"]},
    }
    if dates:
        seen = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 300, count), "D")
        rows["seen"] = seen.strftime("%Y-%m-%d")
        rows.loc[0, "seen"], rows.loc[2, "seen"] = "", "1900-01-01"
        columns |= {"dates": ["seen"]}
        columns["missing"] |= {"seen": ["1900-01-01"]}
    rows.to_csv(project.raw, index=False)
    declare(project, columns=columns)


def text_of(cells: list[bytes | None]) -> pa.Array:
    """Give any bytes as Arrow's text, as a program that does not check them writes it."""
    return pa.Array.from_buffers(pa.string(), len(cells), pa.array(cells).buffers())


def rows_to_learn(csv: Path) -> pd.DataFrame:
    """Take the CSV's rows with labels that a tiny network learns and a straight line cannot."""
    rows = pd.read_csv(csv)
    noise = np.random.default_rng(0).random(len(rows)) < 0.02
    return rows.assign(**{LABEL: (rows["glucose"].between(100, 128) ^ noise).astype(int)})


def spoil(csv: Path, bad_rows: int = 45) -> None:
    """Add a column with a name that would run as a script, and too many such cells."""
    rows = pd.read_csv(csv, dtype=str)
    rows.insert(0, HOSTILE_NAME, [str(row) for row in range(len(rows))])
    rows.loc[: bad_rows - 1, "glucose"] = HOSTILE_CELL
    rows.to_csv(csv, index=False)


def write_task(project: Project, task: str, **blocks: Any) -> None:
    """Write the rows with a label of that task, and declare it.

    A tiny network learns the label, and a straight line cannot: of two classes see `rows_to_learn`;
    `size`, of which a third of the rows are in the middle of a feature; or `price`, about 100, and
    about 200 in that middle.
    """
    rows, drawn = pd.read_csv(project.raw).drop(columns=LABEL), np.random.default_rng(0)
    middle = rows["glucose"].between(100, 128)
    if task == TWO_CLASSES:
        rows = rows_to_learn(project.raw)
    elif task == CLASSES:
        sizes = np.array(["small", "middle", "large"])
        told = np.where(middle, 1, np.where(rows["age"] < 30, 0, 2))
        noise = drawn.random(len(rows)) < 0.05
        rows["size"] = sizes[np.where(noise, drawn.integers(0, 3, len(rows)), told)]
        blocks["columns"] = {"label": "size", "classes": sizes.tolist()}
    else:
        noise = drawn.normal(0, 5, len(rows))
        rows["price"] = (100 + 100 * middle + rows["age"] / 5 + noise).round(2)
        blocks["columns"] = {"label": "price", "task": "number"}
    rows.to_csv(project.raw, index=False)
    declare(project, **blocks)


def write_strikes(path: Path) -> pd.DataFrame:
    """Write a CSV of bird strikes, of which each is a row of its own; the height tells the label.

    A third of the heights are 0, and birds at 0 are told by no other height.
    """
    drawn, count = np.random.default_rng(0), 2_000
    heights = np.r_[10, 50, 100:6_000:100]
    common = 1 / np.arange(2, 2 + len(heights))
    height = drawn.choice(heights, count, p=common / common.sum())
    height[drawn.random(count) < 0.35] = 0
    likely = np.select([height == 0, height < 3_000], [0.75, 0.15], 0.6)
    rows = pd.DataFrame(
        {
            "height": height,
            "mass": drawn.normal(40, 9, count).round(1),
            "speed": drawn.normal(140, 30, count).round(1),
            "landed": np.where(drawn.random(count) < likely, "yes", "no"),
        }
    )
    rows.to_csv(path, index=False)
    return rows


def write_incidents(
    path: Path, incidents: int = 150, together: bool = True, **options: Any
) -> pd.DataFrame:
    """Write a CSV of police actions, 2 to 12 of an incident, which share its time and its place.

    They share its label too, which the night tells a little; or, where they are not `together`,
    each has a label of its own.
    """
    drawn = np.random.default_rng(0)
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(drawn.integers(0, 10**6, incidents), "min")
    night, place = drawn.random(incidents) < 0.4, drawn.normal(0, 1, (incidents, 2)).round(3)
    of = np.repeat(np.arange(incidents), drawn.integers(2, 13, incidents))
    chance = drawn.random(incidents)[of] if together else drawn.random(len(of))
    rows = pd.DataFrame(
        {
            "response_datetime": times[of].strftime("%Y-%m-%d %H:%M:%S"),
            "north": place[of, 0],
            "east": place[of, 1],
            "night": np.where(night, "yes", "no")[of],
            "officer_age": drawn.integers(22, 60, len(of)),
            "reason": drawn.choice(["call", "patrol", "warrant"], len(of)),
            "force_used": np.where(chance < 0.2 + 0.5 * night[of], "Y", "N"),
        }
    ).sample(frac=1, random_state=0)
    rows.to_csv(path, index=False, **options)
    return rows
