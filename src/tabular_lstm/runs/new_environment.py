"""`kedro profile`: look at all rows of a file, and write the environment that they call for."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
from kedro.framework.project import settings

from tabular_lstm.datasets.rows_to_score import CSV, refuse_parquet, storage_of
from tabular_lstm.environments import BASE, refuse_no_name, run_command
from tabular_lstm.errors import DataError
from tabular_lstm.files import not_written, replace_all
from tabular_lstm.profiling.conf_text import catalog_text, page, parameters_text
from tabular_lstm.profiling.history_search import with_found_rows
from tabular_lstm.profiling.layout import Layout, layout_of, with_number_format
from tabular_lstm.profiling.proposal import propose
from tabular_lstm.profiling.table_profile import CellCounter, DistinctCells, TableProfile
from tabular_lstm.profiling.type_inference import profile_column
from tabular_lstm.progress import progress
from tabular_lstm.rows.csv_batches import stream_cells
from tabular_lstm.rows.raw_files import RawFiles
from tabular_lstm.rows.raw_rows import refuse_other_columns

CATALOG, PARAMETERS = "catalog.yml", "parameters.yml"
HINT = "Name a CSV, or a folder of them."
# Rows, and bytes of them, in which rows that belong together are looked for.
FIRST_ROWS, FIRST_BYTES = 100_000, 2**26
LOOKED_AT = "Rows that belong together were looked for in the first {}; a run looks in all."


def new_environment(
    file: Path | str, env: str, project: Path, given: Mapping[str, str] = {}, force: bool = False
) -> str:
    """Write an environment for a file, and return the page to read before the first run.

    Args:
        file: A CSV or a folder of them, from the working directory, or in another storage as the
            catalog names it: `s3://bucket/rows.csv`.
        env: Name of the environment.
        project: Root of the project.
        given: What is known of the columns: `label`, `task`, `positive`, `key`.
        force: Whether the two files are overwritten where they are there. Default: they are not.

    Raises:
        DataError: The file cannot be profiled, the environment's name cannot be one, the
            environment is there already, or cannot be written.
    """
    folder = project / settings.CONF_SOURCE / env
    _refuse_name(env, folder, force)
    path = _as_written(file, project)
    layout, table, first_rows = profile_files(file, path)
    proposal = with_found_rows(table, propose(table, **given), first_rows)
    to_score = f"data/01_raw/{env}_to_score.csv"
    contents = {
        CATALOG: catalog_text(path, to_score, layout, table, proposal.label.name),
        PARAMETERS: parameters_text(proposal),
    }
    try:
        replace_all({folder / name: text.encode() for name, text in contents.items()})
    except OSError as error:
        with contextlib.suppress(OSError):  # it was there before, and has other files
            folder.rmdir()
        raise not_written(error, folder) from error
    inside, run = folder.relative_to(project), run_command(env)
    return "\n".join(
        [
            page(table, layout, proposal),
            *([LOOKED_AT.format(len(first_rows))] if len(first_rows) < table.rows else []),
            "",
            f"Written: {inside / CATALOG}, {inside / PARAMETERS}",
            f"Read them, then: {run}",
            f"For a model that serves: {run} --pipelines retraining",
            f"To score new rows, put them in {to_score}: {run} --pipelines scoring",
        ]
    )


def profile_files(file: Path | str, called: str) -> tuple[Layout, TableProfile, pd.DataFrame]:
    """Look at all cells of all files at a path, which messages and conf call so.

    Returns:
        How the rows are laid out, what their cells tell, and as text the first `FIRST_ROWS`, fewer
        where they are long.

    Raises:
        DataError: There is none, or one is no CSV, is empty or has other columns than the first.
    """
    storage, path = storage_of(str(file))
    files = RawFiles.at(storage, path if _is_elsewhere(file) else os.path.abspath(path), CSV, HINT)
    refuse_parquet(files.path)
    names = [*files.names]
    files.warn_of_others()
    with files.open(names[0]) as content:
        layout = layout_of(content, f"{called}/{names[0]}".removesuffix("/"))
    first: list[pa.RecordBatch] = []
    cells = _count(files, names, called, layout, first)
    layout = with_number_format(layout, cells.values())
    form = layout.number_format
    columns = [profile_column(name, of_column, form) for name, of_column in cells.items()]
    rows = pa.Table.from_batches(first).slice(0, FIRST_ROWS).to_pandas()
    return layout, TableProfile(called, columns, form), rows.rename_axis("row")


def _count(
    files: RawFiles, names: list[str], called: str, layout: Layout, first: list[pa.RecordBatch]
) -> dict[str, DistinctCells]:
    """Count the cells of each column, and add the first rows to `first`."""
    counters: dict[str, CellCounter] = {}
    for name in names:
        path = f"{called}/{name}".removesuffix("/")
        batches = progress(_batches(files, name, path, layout), f"Pieces of {path}")
        for place, batch in enumerate(batches):
            columns = batch.schema.names
            counters = counters or {column: CellCounter() for column in columns}
            if not place:
                refuse_other_columns(columns, path, [*counters], names[0])
            for column, counter in counters.items():
                counter.add(batch.column(column))
            if sum(map(len, first)) < FIRST_ROWS and sum(b.nbytes for b in first) < FIRST_BYTES:
                first.append(batch.select([*counters]))
    # What was counted goes, column after column.
    return {column: counters.pop(column).cells() for column in [*counters]}


def _batches(files: RawFiles, name: str, path: str, layout: Layout) -> Iterator[pa.RecordBatch]:
    with files.open(name) as content:
        yield from stream_cells(content, path, layout.load_args)


def _refuse_name(env: str, folder: Path, force: bool) -> None:
    """Stop at a name that is none for a new environment."""
    refuse_no_name(env, settings.CONF_SOURCE)
    if not env or env in BASE:
        shared = f"; {env} is what all environments share" if env else ""
        raise DataError(
            f"Environment {env!r}: expected a name of its own for this file{shared}. Give another "
            "one with --env."
        )
    if os.path.lexists(folder) and not force:
        raise DataError(
            f"{folder}: the environment '{env}' is there already, and nothing was written. Give "
            f"another name with --env, or --force to overwrite its {CATALOG} and {PARAMETERS}."
        )


def _is_elsewhere(file: Path | str) -> bool:
    """Tell whether a path names its storage."""
    return "://" in str(file)


def _as_written(file: Path | str, project: Path) -> str:
    """Give the path for the catalog: from the project's root if it is inside, else absolute."""
    if _is_elsewhere(file):
        return str(file)
    absolute = Path(os.path.abspath(file))
    inside = absolute.is_relative_to(project) and absolute != project
    return (absolute.relative_to(project) if inside else absolute).as_posix()
