"""Check every cell, set bad rows aside with a reason, and hold out the same rows every time."""

import difflib
import hashlib
import logging
from typing import Any

import numpy as np
import pandas as pd

from tabular_lstm.errors import DataError, row_list
from tabular_lstm.parameters import Columns, Split, Validation
from tabular_lstm.rows.cells import read_category, read_key, read_label, read_number

logger = logging.getLogger(__name__)

Source = dict[str, Any]

# What conf may say of a feature, see `Columns`.
DESCRIBED = ("bounds", "missing", "categorical")


def validate_rows(
    raw_rows: pd.DataFrame, columns: Columns
) -> tuple[pd.DataFrame, pd.DataFrame, Source]:
    """Turn text cells into numbers and set aside the rows where that fails.

    With a directory of files and a key, of the valid rows with the same key the last one counts,
    in the order of the files and then of their rows; the others are superseded and dropped. A
    later version that goes to quarantine supersedes nothing: the valid one before it counts. In a
    single file every valid row counts, and the key serves the split alone.

    Args:
        raw_rows: Text cells in file order, from `RawCSVDataset`.
        columns: The role of each column.

    Returns:
        The valid rows that count, with the index `row` of `raw_rows`: the key as text if there is
        one, numeric features as float64 with NaN for a cell without a number, categorical ones
        as text with None for an empty cell, the label as 1 (positive) or 0.
        The quarantined rows: `row`, `reason`, and the cells as they were. The source: file,
        sha256, number of rows, of quarantined and of superseded rows.

    Raises:
        DataError: A column is not in the file.
    """
    if "file" not in raw_rows.attrs:
        raise DataError(
            "raw_rows: expected type: tabular_lstm.datasets.RawCSVDataset in the catalog; another "
            "dataset does not tell which file and bytes the rows come from."
        )
    file = raw_rows.attrs["file"]
    features = _features(raw_rows, columns)
    files = raw_rows.attrs.get("files", [])
    raw = raw_rows.copy(deep=False)
    raw.attrs = {}

    checked = {
        name: (read_category if name in columns.categorical else read_number)(raw[name], columns)
        for name in features
    }
    checked[columns.label] = read_label(raw[columns.label], columns)
    if columns.key is not None:
        checked = {columns.key: read_key(raw[columns.key])} | checked
    values = pd.DataFrame({name: value for name, (value, _) in checked.items()})
    problems = pd.DataFrame({name: problem for name, (_, problem) in checked.items()})

    bad = (problems != "").any(axis="columns")
    reasons = ["; ".join(filter(None, row)) for row in problems[bad].to_numpy()]
    quarantined = raw[bad].reset_index(allow_duplicates=True)
    quarantined.insert(1, "reason", pd.Series(reasons, dtype=object), allow_duplicates=True)
    valid = values[~bad].astype({columns.label: "int64"})
    superseded = 0
    if files and columns.key is not None:
        earlier = valid.duplicated(columns.key, keep="last")
        valid, superseded = valid[~earlier], int(earlier.sum())
    logger.info(
        "%s: %d rows, %d valid, %d quarantined%s",
        file,
        len(raw),
        len(valid),
        len(quarantined),
        f", {superseded} superseded by a later row with their key" if superseded else "",
    )
    if columns.key is None and len(files) > 1 and (repeated := _in_several_files(raw)):
        logger.warning(
            "%s: %d rows stand in more than one file, and each time they count; name the column "
            "that identifies a row in columns.key, and of the rows with the same key the last "
            "one counts",
            file,
            repeated,
        )
    counts = {"quarantined_rows": len(quarantined), "superseded_rows": superseded}
    source = {"file": file, "sha256": raw_rows.attrs["sha256"], "rows": len(raw)}
    return valid, quarantined, source | counts


def accept_rows(
    valid_rows: pd.DataFrame,
    quarantined_rows: pd.DataFrame,
    source: Source,
    validation: Validation,
) -> pd.DataFrame:
    """Let the valid rows through unless too many others were quarantined.

    Its own node, so that the quarantined rows are on disk before the run stops for them.

    Raises:
        DataError: The quarantined share is above `max_quarantined_fraction`.
    """
    limit = validation.max_quarantined_fraction
    if len(quarantined_rows) / source["rows"] > limit:
        raise DataError(
            f"{source['file']}: {len(quarantined_rows)} of {source['rows']} rows were quarantined, "
            f"more than max_quarantined_fraction = {limit} allows:{_reasons(quarantined_rows)}\n"
            "Rows are counted from 1 below the header; this run's quarantined_rows.csv holds them "
            "all. Mend them, or declare in conf what the columns may hold: name a column of words "
            "in columns.categorical, name codes for no value in columns.missing, widen "
            'columns.bounds, or, for decimal commas, set load_args: {decimal: ","} in the catalog.'
        )
    return pass_rows_on(valid_rows, quarantined_rows)


def pass_rows_on(valid_rows: pd.DataFrame, quarantined_rows: pd.DataFrame) -> pd.DataFrame:
    """Let the valid rows through however many others there are: the gate judges their share."""
    if len(quarantined_rows):
        logger.warning("In quarantine:%s", _reasons(quarantined_rows))
    return valid_rows


def split_rows(
    accepted_rows: pd.DataFrame, source: Source, columns: Columns, split: Split
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Decide each row's side by a salted hash of its key, or of its features without the label.

    The side depends on nothing else, so it holds when the file grows, is reordered or has
    labels corrected, and equal rows share it.

    Returns:
        Train rows, test rows, and the data summary of the metrics, in which rows = train rows +
        test rows + quarantined rows + superseded rows.

    Raises:
        DataError: A class is missing, or a side would hold fewer than two rows of a class.
    """
    labels = accepted_rows[columns.label]
    classes = {1: columns.positive_class, 0: columns.negative_class}
    for value, name in classes.items():
        if not (labels == value).any():
            raise DataError(
                f"{source['file']}: column '{columns.label}': one class only; expected rows of "
                f"{classes[1]!r} and {classes[0]!r}, none is {name!r}."
            )
    is_test = _hashes(accepted_rows, columns, split.salt) < split.test_fraction
    train, test = accepted_rows[~is_test], accepted_rows[is_test]
    for side, rows in {"train": train, "test": test}.items():
        if side == "test" and split.test_fraction == 0:
            continue
        for value, name in classes.items():
            if (count := int((rows[columns.label] == value).sum())) < 2:
                raise DataError(
                    f"{source['file']}: too few rows to split: of {len(accepted_rows)} rows the "
                    f"{side} side gets {count} with {columns.label} = {name!r}; expected at least "
                    f"2. Add rows, or change test_fraction = {split.test_fraction}."
                )
        share = rows[columns.label].mean()
        logger.info("%d %s rows, %.1f %% of them positive", len(rows), side, 100 * share)
    summary = {
        "rows": source["rows"],
        "train_rows": len(train),
        "test_rows": len(test),
        "quarantined_rows": source["quarantined_rows"],
        "superseded_rows": source["superseded_rows"],
        "sha256": source["sha256"],
    }
    return train, test, summary


def _features(raw: pd.DataFrame, columns: Columns) -> list[str]:
    """Name the feature columns and check that every column of a role is in the file."""
    roles = [columns.label, *([columns.key] if columns.key is not None else [])]
    features = columns.features or [name for name in raw.columns if name not in roles]
    declared = [(name, "columns") for name in (*roles, *features)]
    declared += [(n, f"columns.{block}") for block in DESCRIBED for n in getattr(columns, block)]
    for name, where in declared:
        if name not in raw.columns:
            # In whatever case.
            known = {str(column).casefold(): column for column in raw.columns}
            close = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.7)
            hint = f"Did you mean '{known[close[0]]}'? " if close else ""
            raise DataError(
                f"{raw.attrs['file']}: column '{name}' is not in the file. {hint}It has: "
                f"{', '.join(raw.columns)}. Conf names the column under {where}."
            )
    if not features:
        raise DataError(
            f"{raw.attrs['file']}: no feature is left beside {' and '.join(map(repr, roles))}; "
            "expected at least one column to learn from."
        )
    for block in DESCRIBED:
        if unknown := sorted(set(getattr(columns, block)) - set(features)):
            raise DataError(
                f"{raw.attrs['file']}: columns.{block} names {', '.join(unknown)}, which is no "
                f"feature. The features are: {', '.join(features)}."
            )
    return features


def _in_several_files(raw: pd.DataFrame) -> int:
    """Count the distinct rows that are cell by cell alike in more than one file."""
    alike = raw.groupby(list(raw.columns), sort=False).ngroup().to_numpy()
    files = [row.rpartition(":")[0] for row in raw.index]
    copies = pd.DataFrame({"alike": alike, "file": files}).drop_duplicates()
    return int((copies["alike"].value_counts() > 1).sum())


def _reasons(quarantined: pd.DataFrame) -> str:
    """List the reasons, a line for each column and kind with its first example, commonest first."""
    found: dict[str, tuple[str, list[int | str]]] = {}
    # By place: the file may have columns of these names too.
    for row, reasons in zip(quarantined.iloc[:, 0], quarantined.iloc[:, 1], strict=True):
        for reason in reasons.split("; "):
            column, _, problem = reason.partition(": ")
            kind = f"{column}: {problem.rpartition(' is ')[2]}"
            found.setdefault(kind, (reason, []))[1].append(row)
    by_count = sorted(found.values(), key=lambda item: -len(item[1]))
    listed = "".join(
        f"\n  {row_list(rows)}: {example}{', and the like' if len(rows) > 1 else ''}"
        for example, rows in by_count[:5]
    )
    return listed + (f"\n  and {len(by_count) - 5} more reasons" if len(by_count) > 5 else "")


def _hashes(rows: pd.DataFrame, columns: Columns, salt: str) -> np.ndarray:
    """Hash each row to a number in [0, 1), the same on every machine and in every version.

    BLAKE2b, keyed with the salt, over the key's UTF-8, or over the numeric features' float64
    bytes and then the categories' UTF-8, in the order of their names, so that neither the order
    of the columns nor the way a number is written counts.
    """
    if columns.key is not None:
        contents = [key.encode() for key in rows[columns.key]]
    else:
        features = rows.drop(columns=columns.label).sort_index(axis="columns")
        names = [name for name in features if name in columns.categorical]
        values = features.drop(columns=names).to_numpy("<f8")
        # One bit pattern for zero and one for NaN.
        values = np.where(np.isnan(values), np.nan, values) + 0.0
        contents = [row.tobytes() for row in np.ascontiguousarray(values)]
        if names:
            texts = features[names].astype(object).to_numpy()
            contents = [
                content + repr(tuple(row)).encode()
                for content, row in zip(contents, texts, strict=True)
            ]
    digests = (
        hashlib.blake2b(content, digest_size=8, key=salt.encode()).digest() for content in contents
    )
    return np.array([int.from_bytes(digest, "big") / 2**64 for digest in digests])
