"""`kedro profile`: read all rows of a table, and write an environment for them."""

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from kedro.framework.project import settings
from kedro.framework.session import KedroSession

from tabular_lstm.datasets.rows_to_score import USER, RawRowsDataset, storage_of
from tabular_lstm.datasets.tables import TableDataset, own_entry
from tabular_lstm.environments import BASE, refuse_no_name, run_command
from tabular_lstm.errors import DataError, unknown_name
from tabular_lstm.files import not_written, replace
from tabular_lstm.profiling.found_rows import with_found_rows
from tabular_lstm.profiling.layout import Layout, layout_of, with_number_format
from tabular_lstm.profiling.proposal import catalog_text, parameters_text, profile_page, propose
from tabular_lstm.profiling.table_profile import (
    CellCounter,
    DistinctCells,
    TableProfile,
    profile_column,
)
from tabular_lstm.progress import progress
from tabular_lstm.rows.cells import arrow_texts, texts
from tabular_lstm.rows.csv_files import number_format_of
from tabular_lstm.rows.raw_files import CSV, PARQUET, RawFiles, is_parquet
from tabular_lstm.rows.raw_rows import TEXT, Table

# Names of secret arguments. Names with "key" are not secret: they often name a table's key.
SECRET = re.compile("token|secret|password", re.IGNORECASE)
CATALOG, PARAMETERS = "catalog.yml", "parameters.yml"
# How many of the first rows, and how many bytes, are searched for rows that belong together.
FIRST_ROWS, FIRST_BYTES = 100_000, 2**26
NEEDED = "Needed: the credentials '{}' in {}/credentials.yml"
LOOKED_AT = "Rows that belong together: only the first {} rows were searched; a run searches all."


def new_environment(
    file: Path | str,
    env: str,
    project: Path,
    column_options: Mapping[str, str] = {},
    force: bool = False,
    is_entry: bool = False,
) -> str:
    """Write an environment for a table, and return the page to read before the first run.

    Args:
        file: A CSV or Parquet file or a folder of them, relative to the working directory; or a URL
            as in the catalog: `s3://bucket/rows.csv`.
        env: Name of the environment.
        project: Root of the project.
        column_options: What is known about the columns: `label`, `task`, `positive`, `key`.
        force: Whether existing files are overwritten. Default: False.
        is_entry: Whether `file` is the name of a catalog entry, whatever table it loads.

    Raises:
        DataError: The table cannot be profiled, the environment's name is impossible, or the
            environment exists already or cannot be written.
    """
    folder = project / settings.CONF_SOURCE / env
    _refuse_environment(env, folder, force)
    if is_entry:
        entry, rows = _catalog_entry(str(file), project)
        layout, table, first_rows = profile_rows(rows, str(file))
    else:
        path = _path_for_conf(file, project)
        layout, table, first_rows = profile_files(file, path)
        entry = {"type": "tabular_lstm.datasets.RawRowsDataset", "filepath": path}
    proposal = with_found_rows(table, propose(table, **column_options), first_rows)
    to_score = f"data/01_raw/{env}_to_score{PARQUET if is_parquet(str(file)) else CSV}"
    try:  # the longer file first, in case the disk is full
        replace(folder / PARAMETERS, parameters_text(proposal).encode())
        replace(folder / CATALOG, catalog_text(entry, to_score, layout).encode())
    except OSError as error:
        with contextlib.suppress(OSError):  # the folder existed before, and has other files
            folder.rmdir()
        raise not_written(error, folder) from error
    inside, run = folder.relative_to(project), run_command(env)
    return "\n".join(
        [
            profile_page(table, layout, proposal),
            *([LOOKED_AT.format(len(first_rows))] if len(first_rows) < table.rows else []),
            "",
            f"Written: {inside / CATALOG}, {inside / PARAMETERS}",
            *([NEEDED.format(entry["credentials"], inside)] if "credentials" in entry else []),
            f"Check them, then run: {run}",
            f"To put a model into service: {run} --pipelines retraining",
            f"To score new rows, put them in {to_score}: {run} --pipelines scoring",
        ]
    )


def profile_files(file: Path | str, called: str) -> tuple[Layout, TableProfile, pd.DataFrame]:
    """Read all cells of all files at a path, called `called` in conf; see `profile_rows`.

    Raises:
        DataError: There is no file; or a file is neither CSV nor Parquet, is empty, or has other
            columns than the first file.
    """
    files = RawFiles.at(*storage_of(str(file) if "://" in str(file) else os.path.abspath(file)))
    layout, first = Layout({}, []), files.names[0]
    if not is_parquet(files.file(first)):
        with files.open(first) as content:
            layout = layout_of(content, f"{called}/{first}".removesuffix("/"))
    return profile_rows(Table(files, layout.load_args), called, layout)


def profile_rows(
    rows: Table, called: str, layout: Layout | None = None
) -> tuple[Layout, TableProfile, pd.DataFrame]:
    """Read all cells of rows; with a `layout`, infer the number format too.

    Returns:
        The layout of the rows, the profile of their cells, and the first `FIRST_ROWS` rows as text,
        fewer if rows are long.
    """
    cells, first = _count_cells(rows, called)
    layout = (
        Layout(dict(rows.load_args), [])
        if layout is None
        else with_number_format(layout, cells.values())
    )
    form = number_format_of(layout.load_args)
    columns = [profile_column(name, column_cells, form) for name, column_cells in cells.items()]
    first_rows = pa.concat_tables(first).slice(0, FIRST_ROWS).to_pandas().rename_axis("row")
    return layout, TableProfile(called, columns, form), first_rows


def _count_cells(rows: Table, called: str) -> tuple[dict[str, DistinctCells], list[pa.Table]]:
    """Count the cells of each column by their text; return them, and the first rows as text."""
    counters, first = {column: CellCounter() for column in rows.columns}, list[pa.Table]()
    for batch in progress(rows.batches(), f"Batches of {called}"):
        table = batch.table
        if {*table.schema.types} != {TEXT}:  # else they are the cells of a CSV
            cells = batch.cells
            table = pa.table({n: arrow_texts(texts(cells[n])).fill_null("") for n in cells})
        for column, counter in counters.items():
            counter.add(table[column].combine_chunks())
        if sum(map(len, first)) < FIRST_ROWS and sum(t.nbytes for t in first) < FIRST_BYTES:
            first.append(table)
    # Free the counts, column after column.
    return {column: counters.pop(column).cells() for column in [*counters]}, first


def _catalog_entry(name: str, project: Path) -> tuple[dict[str, Any], Table]:
    """Return an entry of the catalog, from base or Kedro's default environment, and its rows."""
    with KedroSession.create(project) as session:
        context = session.load_context()  # type: ignore[attr-defined]
    entries = context.config_loader["catalog"]
    if name not in entries:
        raise DataError(f"--dataset {unknown_name(name, sorted(entries))}")
    entry = own_entry(entries[name])
    if _has_secrets(entry):
        raise DataError(
            f"{name}: the catalog entry contains credentials, and would be copied; expected only "
            "their name in credentials.yml. Move them there."
        )
    dataset: Any = context.catalog.get(name)
    if not isinstance(dataset, RawRowsDataset | TableDataset):
        dataset = TableDataset(name, dataset)
    return entry, dataset.load()


def _has_secrets(value: Any, name: str = "") -> bool:
    if isinstance(value, dict):
        return name == "credentials" or any(_has_secrets(v, key) for key, v in value.items())
    if isinstance(value, list):
        return any(map(_has_secrets, value))
    has_user = any(":" in user for user in re.findall(USER, str(value)))
    return has_user or bool(value and SECRET.search(str(name)))


def _refuse_environment(env: str, folder: Path, force: bool) -> None:
    refuse_no_name(env, settings.CONF_SOURCE)
    if not env or env in BASE:
        raise DataError(
            f"Environment {env!r}: expected a new name for this file, not base or local, which all "
            "environments share. Choose another one with --env."
        )
    if os.path.lexists(folder) and not force:
        raise DataError(
            f"{folder}: the environment '{env}' already exists, so nothing was written. Choose "
            f"another name with --env, or overwrite its {CATALOG} and {PARAMETERS} with --force."
        )


def _path_for_conf(file: Path | str, project: Path) -> str:
    """Return the path for the catalog: relative to the project's root if inside, else absolute."""
    if "://" in str(file):
        return str(file)
    path = Path(os.path.abspath(file))
    return (path.relative_to(project) if path.is_relative_to(project) else path).as_posix()
