"""An event log: orders, calls and visits of customers; labels on orders alone, known late."""

from typing import Any

import numpy as np
import pandas as pd

KINDS = ("order", "call", "visit")
DELAY = 20  # days, until it is known whether an order was cancelled
COLUMNS: dict[str, Any] = {
    "label": "cancelled",
    "positive_class": 1,
    "negative_class": 0,
    "categorical": ["event"],
    "history": {"of": "customer", "order": "day", "steps": 4, "known_after": f"{DELAY} days"},
}


def event_log(customers: int = 150, days: int = 200, seed: int = 0) -> pd.DataFrame:
    """Up to 24 events of each customer: who called often in the last 30 days, cancels."""
    draw = np.random.default_rng([8, seed])
    of = np.repeat(np.arange(customers), draw.integers(6, 25, customers))
    rows = pd.DataFrame(
        {
            "customer": [f"C{seed}-{number}" for number in of],
            "day": draw.integers(0, days, len(of)),
            "event": draw.choice(KINDS, len(of), p=[0.4, 0.4, 0.2]),
        }
    ).sort_values(["customer", "day"], ignore_index=True)
    is_call, is_order = rows["event"] == "call", rows["event"] == "order"
    rows["amount"] = np.where(is_order, draw.gamma(2, 20, len(of)).round(2), np.nan)
    rows["minutes"] = np.where(is_call, draw.gamma(2, 5, len(of)).round(1), np.nan)
    calls = [
        int(((own["day"] < day) & (own["day"] >= day - 30) & (own["event"] == "call")).sum())
        for _, own in rows.groupby("customer")
        for day in own["day"]
    ]
    cancelled = (np.array(calls) + draw.normal(0, 0.5, len(of)) > 1).astype(int).astype(str)
    is_known = is_order & (rows["day"] < days - DELAY)
    rows["cancelled"] = np.where(is_known, cancelled, "")
    rows["day"] = (pd.Timestamp("2026-01-01") + pd.to_timedelta(rows["day"], "D")).dt.strftime("%F")
    return rows.sample(frac=1, random_state=seed, ignore_index=True)
