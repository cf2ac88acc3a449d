"""What evidently decides by default of columns; run by `drift.py`, in an environment of its own.

The tests are those that `DataDriftPreset` chooses, without its drawings, which take most of its
time.
"""

import json
import pickle
import sys
import warnings
from pathlib import Path

import pandas as pd


def main() -> None:
    """Read batches of (kind, reference, batch) by column, and print what drifted."""
    from evidently.legacy.calculations.stattests import get_stattest  # noqa: PLC0415
    from evidently.legacy.core import ColumnType  # noqa: PLC0415

    warnings.simplefilter("ignore")
    types = {"number": ColumnType.Numerical, "category": ColumnType.Categorical}
    answers = []
    for batch in pickle.loads(Path(sys.argv[1]).read_bytes()):
        drifted = []
        for kind, *columns in batch:
            before, now = (pd.Series(column).dropna() for column in columns)
            test = get_stattest(before, now, types[kind], None)
            drifted.append(bool(test(before, now, types[kind], None).drifted))
        answers.append(drifted)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
