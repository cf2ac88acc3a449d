"""Tables of visits: some rows of each customer over time, whose label rests on all of them."""

from typing import Any

import numpy as np
import pandas as pd

from tests.helpers.project import QUICK, Project, declare

COLUMNS: dict[str, Any] = {
    "label": "sick",
    "positive_class": 1,
    "negative_class": 0,
    "key": "id",
    "categorical": ["ward"],
    "history": {"of": "customer", "order": "day", "steps": 6},
}
NO_FEATURES = ["id", "customer", "day", "sick"]


def visits(customers: int, seed: int = 0, shift: float = 0.0, longest: int = 8) -> pd.DataFrame:
    """Rows in no order; the pressure of a visit is like that of the one before."""
    draw = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        level, day = draw.normal() + shift, pd.Timestamp("2025-01-01")
        total, count = 0.0, draw.integers(1, longest + 1)
        for _ in range(count):
            level = 0.7 * level + 0.7 * draw.normal() + 0.3 * shift
            total += level
            day += pd.Timedelta(draw.integers(1, 60), "D")
            rows.append(
                {
                    "customer": f"C{customer:04}",
                    "day": day.strftime("%Y-%m-%d"),
                    "pressure": round(level, 3),
                    "ward": draw.choice(["north", "south", "east"]),
                    "sick": int(total + 0.5 * draw.normal() > 0),
                }
            )
    table = pd.DataFrame(rows).sample(frac=1, random_state=seed)
    table.insert(0, "id", [f"V{seed}-{number}" for number in range(len(table))])
    return table.reset_index(drop=True)


def write_visits(project: Project, rows: pd.DataFrame, **history: Any) -> None:
    """Write rows to train on, and declare them and settings with which a candidate is promoted."""
    rows.to_csv(project.raw, index=False)
    columns = {**COLUMNS, "history": COLUMNS["history"] | history}
    declare(project, **QUICK, columns=columns, split={"test_fraction": 0.3})
