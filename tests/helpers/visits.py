"""Tables of visits: some rows of each customer over time, whose label rests on all of them."""

from typing import Any

import numpy as np
import pandas as pd

from tests.helpers.commands import RETRAINING, here, succeeds
from tests.helpers.project import QUICK, Project, declare

HISTORY = {"of": "customer", "order": "day", "steps": 6}
COLUMNS: dict[str, Any] = {
    "label": "sick",
    "positive_class": 1,
    "negative_class": 0,
    "key": "id",
    "categorical": ["ward"],
}


def visits(customers: int, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """Up to eight rows of each customer, in no order.

    The pressure of a visit is like that of the one before, and on average `shift`.
    """
    draw = np.random.default_rng([7, seed])
    of = np.repeat(np.arange(customers), draw.integers(1, 9, customers))
    noise = draw.normal(size=len(of))
    visit = pd.Series(of).groupby(of).cumcount().to_numpy()
    level = noise.copy()
    for place in np.flatnonzero(visit):
        level[place] = 0.7 * level[place - 1] + 0.7 * noise[place]
    day = pd.Series(draw.integers(1, 60, len(of))).groupby(of).cumsum()
    total = pd.Series(level).groupby(of).cumsum() + 0.5 * draw.normal(size=len(of))
    rows = pd.DataFrame(
        {
            "customer": [f"C{seed}-{number}" for number in of],
            "day": (pd.Timestamp("2025-01-01") + pd.to_timedelta(day, "D")).dt.strftime("%F"),
            "pressure": (level + shift).round(3),
            "ward": draw.choice(["north", "south", "east"], len(of)),
            "sick": (total > 0).astype(int),
        }
    )
    rows.insert(0, "id", [f"V{seed}-{number}" for number in range(len(rows))])
    return rows.sample(frac=1, random_state=seed).reset_index(drop=True)


def newest(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the last row of each customer."""
    return rows.sort_values("day").drop_duplicates("customer", keep="last")


def declare_visits(project: Project, **history: Any) -> None:
    """Declare them, and settings with which a candidate is promoted."""
    columns = {**COLUMNS, "history": HISTORY | history}
    declare(project, **QUICK, columns=columns, split={"test_fraction": 0.3})


def train_on(project: Project, rows: pd.DataFrame, **history: Any) -> None:
    """Let a champion serve that was trained on these rows."""
    rows.to_csv(project.raw, index=False)
    declare_visits(project, **history)
    succeeds(here(*RETRAINING))


def event_log(
    known_after: tuple[int, int] = (30, 60), rows: int = 6_000, seed: int = 0
) -> pd.DataFrame:
    """Two years of a shop in the order of time; orders have labels, known some days later."""
    rng = np.random.default_rng(seed)
    days = np.sort(rng.integers(0, 730, rows))
    day = (pd.Timestamp("2025-01-01") + pd.to_timedelta(days, "D")).strftime("%Y-%m-%d")
    event = rng.choice(["call", "order", "return"], rows)
    is_known = 730 - days > rng.integers(*known_after, rows, endpoint=True)
    cancelled = np.where(rng.random(rows) < 0.3, "yes", "no")
    customer = [f"C{number}" for number in rng.integers(0, rows // 15, rows)]
    cells = {"customer": customer, "day": day, "event": event, "age": rng.integers(20, 90, rows)}
    labels = np.where(is_known & (event == "order"), cancelled, "")
    return pd.DataFrame({**cells, "cancelled": labels})
