"""Which columns of a file are features, checked against what conf says of them."""

import difflib

import pandas as pd

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Columns

# What conf may say of a feature, see `Columns`.
DESCRIBED = ("bounds", "missing", "categorical")


def feature_names(raw_rows: pd.DataFrame, columns: Columns, file: str) -> list[str]:
    """Name the feature columns, in their order.

    Args:
        raw_rows: Rows of text cells.
        columns: The role of each column.
        file: Where the rows come from, for messages.

    Raises:
        DataError: A column that conf names is not in the file or is no feature, or none is left.
    """
    roles = [columns.label, *([columns.key] if columns.key is not None else [])]
    features = columns.features or [name for name in raw_rows.columns if name not in roles]
    declared = [(name, "columns") for name in (*roles, *features)]
    declared += [(n, f"columns.{block}") for block in DESCRIBED for n in getattr(columns, block)]
    for name, where in declared:
        if name not in raw_rows.columns:
            # In whatever case.
            known = {str(column).casefold(): column for column in raw_rows.columns}
            close = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.7)
            hint = f"Did you mean '{known[close[0]]}'? " if close else ""
            raise DataError(
                f"{file}: column '{name}' is not in the file. {hint}It has: "
                f"{', '.join(raw_rows.columns)}. Conf names the column under {where}."
            )
    if not features:
        raise DataError(
            f"{file}: no feature is left beside {' and '.join(map(repr, roles))}; expected at "
            "least one column to learn from."
        )
    for block in DESCRIBED:
        if unknown := sorted(set(getattr(columns, block)) - set(features)):
            raise DataError(
                f"{file}: columns.{block} names {', '.join(unknown)}, which is no feature. The "
                f"features are: {', '.join(features)}."
            )
    return features
