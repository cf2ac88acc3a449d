"""Three tables in which only the history tells the label, and the best possible predictions.

Customers have 1 to 11 rows, some two weeks apart; of a row there are a number, a category of no use
and the label of two classes. Its logit depends

- `order`: on the number less that of the row before,
- `gap`: on the time since the row before,
- `sum`: on the sum of the number over the history and the row.

A first row of `order` and `gap` tells nothing. Earlier labels are no features.
"""

from functools import cache

import numpy as np
import pandas as pd
from scipy.special import expit

SYNTHETIC = ("synthetic order", "synthetic gap", "synthetic sum")
CUSTOMERS = 1000
MOST_ROWS = 11


@cache
def rows_of(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw a table: customer, order, features, label; and the true probabilities."""
    kind = name.removeprefix("synthetic ")
    rng = np.random.default_rng(SYNTHETIC.index(name))
    counts = rng.integers(1, MOST_ROWS + 1, CUSTOMERS)
    customer = np.repeat(np.arange(CUSTOMERS), counts)
    rows = len(customer)
    first = np.diff(customer, prepend=-1) != 0
    gap, number = rng.integers(1, 30, rows), rng.normal(size=rows)
    of = pd.DataFrame({"customer": customer, "number": number, "gap": gap}).groupby("customer")
    logit = {
        "order": np.where(first, 0, 3 * (number - np.roll(number, 1))),
        "gap": np.where(first, 0, (gap - 15) / 2),
        "sum": 2 * of["number"].cumsum().to_numpy(),
    }[kind]
    best = expit(logit)
    days = pd.to_timedelta(of["gap"].cumsum().to_numpy(), unit="D")
    frame = pd.DataFrame(
        {
            "customer": [f"c{one}" for one in customer],
            "order": pd.Timestamp("2026-01-01") + days,
            "number": number,
            "kind": pd.Categorical(rng.choice([*"abc"], rows)),
            "label": (rng.random(rows) < best).astype(float),
        }
    )
    shuffled = rng.permutation(rows)
    return frame.iloc[shuffled].reset_index(drop=True), best[shuffled]
