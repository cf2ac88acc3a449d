"""The lineage of a saved output: what it was made from, for whoever starts from the output."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Self

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.parameters import Columns, Parameters, Split
from tabular_lstm.parameters.columns import TASKS
from tabular_lstm.rows.load_args import number_format_of

# By block, the values of conf by name; as JSON has them.
Conf = Mapping[str, Mapping[str, Any]]
# Of `split`, what declares something and decides no side.
DECLARED = {"independent"}
# Of the load arguments, what says how many rows are read, and of none what it is.
AMOUNTS = {"nrows"}
LETTERS = 60  # of a value


class Lineage(Frozen):
    """What a saved output was made from; None in an output of an earlier version.

    Attributes:
        conf: The blocks of conf that the output rests on, see `conf_of_rows`; of later outputs
            `reshaping` too, and what an evaluation reads of `network` and `training`.
        train_rows: SHA-256 of the train rows, see `tabular_lstm.rows.data_summary.hash_of`.
        test_rows: Likewise of the test rows.
        history_rows: Likewise of the rows that are history alone. Default: "", there are none.
    """

    conf: dict[str, dict[str, Any]]
    train_rows: str
    test_rows: str
    history_rows: str = unless("")

    def with_conf(self, **blocks: Mapping[str, Any]) -> Self:
        """Add blocks that a later output rests on."""
        return self.model_copy(update={"conf": {**self.conf, **blocks}})

    def change(self, now: Conf) -> str | None:
        """Say which value of conf was another one, and what it is now; None where all are alike.

        A name that the other does not have is no change: a later version added it, or took it away.
        But of another task conf has other names.
        """
        for block, before in self.conf.items():
            known = now.get(block, {})
            for name, was in before.items():
                if (name in known or name in TASKS) and known.get(name) != was:
                    return _difference(f"{block}.{name}", was, known.get(name))
        return None


def _difference(name: str, was: Any, value: Any) -> str:
    """Say where two values differ, by the first name where both are dictionaries."""
    if isinstance(was, dict) and isinstance(value, dict):
        for key in was | value:
            if was.get(key) != value.get(key):
                return _difference(f"{name}.{key}", was.get(key), value.get(key))
    # None reads `null` in conf.
    said = ["null" if of is None else shown(repr(of), LETTERS) for of in (was, value)]
    return f"{name} was {said[0]} and is {said[1]}"


def conf_of_rows(
    columns: Columns, split: Split, raw_rows: str, load_args: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Give what conf says that train rows and test rows rest on.

    Of the catalog's entry `raw_rows`, whose file or folder is named here, the name without folders
    counts, and of the load arguments all that can change what a cell is: rows may be added to the
    file.
    """
    cells = {n: value for n, value in load_args.items() if value is not None and n not in AMOUNTS}
    return {
        "columns": plain(columns),
        "split": {name: value for name, value in plain(split).items() if name not in DECLARED},
        "raw_rows": {
            "filepath": PurePath(raw_rows).name,
            "load_args": cells | number_format_of(dict(load_args)).model_dump(mode="json"),
        },
    }


def plain(block: Parameters) -> dict[str, Any]:
    """Give a block of parameters as JSON has it, by the names of conf."""
    return block.model_dump(mode="json", by_alias=True)
