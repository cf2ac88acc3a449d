"""The lineage of a saved output: what it was made from; later runs compare this."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Self

from tabular_lstm.errors import shown
from tabular_lstm.frozen import Frozen, unless
from tabular_lstm.parameters import Columns, Parameters, Split
from tabular_lstm.rows.load_args import number_format_of

# Conf as JSON: by block, the values by name.
Conf = Mapping[str, Mapping[str, Any]]
# Names in `split` that do not decide which side a row is on.
DECLARED = {"independent"}
# Names in `columns` that are not written if they have their default, null.
UNWRITTEN = {field.alias or n for n, field in Columns.model_fields.items() if field.exclude_if}
# Load arguments that change how many rows are read, but not how a row is read.
AMOUNTS = {"nrows"}
LETTERS = 60  # of a value in a message


class Lineage(Frozen):
    """What a saved output was made from; None in an output of an earlier version.

    Attributes:
        conf: The blocks of conf that the output rests on, see `conf_of_rows`; in later outputs
            `reshaping` too, and the values of `network` and `training` that an evaluation reads.
        train_rows: SHA-256 of the train rows, see `tabular_lstm.rows.data_summary.hash_of`.
        test_rows: Likewise of the test rows.
        history_rows: Likewise of rows that are only history. Default: "", there are none.
    """

    conf: dict[str, dict[str, Any]]
    train_rows: str
    test_rows: str
    history_rows: str = unless("")

    def with_conf(self, **blocks: Mapping[str, Any]) -> Self:
        """Add blocks that a later output rests on."""
        return self.model_copy(update={"conf": {**self.conf, **blocks}})

    def change(self, now: Conf) -> str | None:
        """Name the first value of conf that differs, and say both values; None if none differs.

        A name that only one of the two has is not a change, because a later version added or
        removed it. Only names that are left out if they are not set, `UNWRITTEN`, always count.
        """
        for block, before in self.conf.items():
            known = now.get(block, {})
            for name in {**before, **known}:
                in_both = name in before and name in known
                if (in_both or name in UNWRITTEN) and known.get(name) != before.get(name):
                    return _difference(f"{block}.{name}", before.get(name), known.get(name))
        return None


def _difference(name: str, was: Any, value: Any) -> str:
    """Say how two values differ; if both are dictionaries, at the first name that differs."""
    if isinstance(was, dict) and isinstance(value, dict):
        for key in was | value:
            if was.get(key) != value.get(key):
                return _difference(f"{name}.{key}", was.get(key), value.get(key))
    # Conf writes None as `null`.
    said = ["null" if of is None else shown(repr(of), LETTERS) for of in (was, value)]
    return f"{name} was {said[0]} and is {said[1]}"


def conf_of_rows(
    columns: Columns, split: Split, raw_rows: str, load_args: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Give the conf that decides the train rows and the test rows.

    From the catalog's entry `raw_rows` two things count: the name of its file or folder, without
    the path, and the load arguments that can change a cell. Rows may be added to the file.
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
    """Give a block of parameters as JSON, by the names in conf."""
    return block.model_dump(mode="json", by_alias=True)
