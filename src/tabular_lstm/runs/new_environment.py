"""From a file to an environment: look at its rows, and write the conf that they call for."""

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from kedro.framework.project import settings
from kedro.io import DataCatalog
from kedro.io.core import generate_timestamp

from tabular_lstm.datasets.raw_csv import CSV
from tabular_lstm.datasets.raw_files import RawFiles
from tabular_lstm.environments import BASE, refuse_no_name, run_command
from tabular_lstm.errors import DataError, shown
from tabular_lstm.files import replace
from tabular_lstm.profiling.conf_files import CATALOG, PARAMETERS, catalog_text, parameters_text
from tabular_lstm.profiling.distinct import cells_of
from tabular_lstm.profiling.layout import Layout, layout_of, with_marks
from tabular_lstm.profiling.names import names_an_identifier
from tabular_lstm.profiling.number_marks import marks_of_table
from tabular_lstm.profiling.page import page
from tabular_lstm.profiling.profile import Profile, profile_of
from tabular_lstm.profiling.proposal import propose
from tabular_lstm.profiling.trial import tried
from tabular_lstm.rows.blocks import refuse_other_columns
from tabular_lstm.rows.csv_text import stream_cells
from tabular_lstm.rows.load_args import dialect_of

HINT = "Name a CSV, or a folder of them."
BLOCKS = {"raw_rows", "columns", "validation"}


@dataclass(frozen=True)
class Told:
    """What the command line says of the columns; None is for the profile to find out."""

    label: str | None = None
    positive: str | None = None
    key: str | None = None


def new_environment(
    file: Path, env: str, project: Path, told: Told = Told(), force: bool = False
) -> str:
    """Write an environment for a file, both its files or none.

    Args:
        file: A CSV or a folder of them, from the working directory.
        env: Name of the environment.
        project: Root of the project.
        told: What is known of the columns.
        force: Whether files of conf that are there are overwritten.

    Returns:
        What is to be read before the first run.

    Raises:
        DataError: The file cannot be profiled, the environment's name cannot be one, or its files
            are there already.
    """
    folder = project / settings.CONF_SOURCE / env
    _refuse_names(env, folder, force)
    path = _as_written(file, project)
    table, layout, profile = _look_at(str(Path(os.path.abspath(file))), path)
    proposal = propose(profile, told.label, told.positive, told.key)
    proposal = tried(proposal, table, path, layout.marks)
    command = _command(path, env, told)
    contents = {
        CATALOG: catalog_text(path, command, layout),
        PARAMETERS: parameters_text(proposal, command),
    }
    _refuse_other_blocks(contents, path)
    try:
        with _written(folder, contents):
            saved = _save(profile, env, project)
    except OSError as error:
        raise DataError(
            f"{error.filename or folder}: {error.strerror}; nothing is written."
        ) from error
    relative = folder.relative_to(project)
    return (
        f"{page(profile, layout, proposal)}\n\n"
        f"Written: {relative / CATALOG}, {relative / PARAMETERS}; the profile: {saved}\n"
        f"Read them, then: {run_command(env)}"
    )


def _refuse_other_blocks(contents: dict[str, str], file: str) -> None:
    """Stop where a file's names would write conf of their own."""
    for name, text in contents.items():
        if other := sorted({*yaml.safe_load(text)} - BLOCKS):
            raise DataError(
                f"{file}: {name} would have a block '{shown(other[0])}' from a name or a cell of "
                "this file; nothing is written."
            )


def _refuse_names(env: str, folder: Path, force: bool) -> None:
    refuse_no_name(env, settings.CONF_SOURCE)
    if not env or env in BASE:
        shared = f"; {env} is what all environments share" if env else ""
        raise DataError(
            f"Environment {env!r}: expected a name of its own for this file{shared}. Give another "
            "one with --env."
        )
    blocks = {Path(name).stem for name in (CATALOG, PARAMETERS)}
    there = sorted(
        p.name for p in folder.glob("*") if p.stem in blocks
    )  # .yaml and .json count too
    if there and not force:
        raise DataError(
            f"{folder / there[0]}: the environment '{env}' is there already, and nothing was "
            "written. Give another name with --env, or --force to overwrite its "
            f"{CATALOG} and {PARAMETERS}."
        )


def _as_written(file: Path, project: Path) -> str:
    """Give the path for the catalog: from the project's root if it is inside, else absolute."""
    absolute = Path(os.path.abspath(file))
    inside = absolute.is_relative_to(project) and absolute != project
    return (absolute.relative_to(project) if inside else absolute).as_posix()


def _command(path: str, env: str, told: Told) -> str:
    given = {"label": told.label, "positive": told.positive, "key": told.key}
    options = [
        part for n, value in given.items() if value is not None for part in (f"--{n}", value)
    ]
    command = shlex.join(["kedro", "profile", path, "--env", env, *options])
    return " ".join(command.split())  # a line, whatever the names hold


def _look_at(path: str, shown: str) -> tuple[pa.Table, Layout, Profile]:
    """Read all files at a path, and look at all cells."""
    files = RawFiles(fsspec.filesystem("file"), path, CSV, HINT)
    names, others = files.names()
    files.warn_of_others(others)
    tables: dict[str, pa.Table] = {}
    with files.open(names[0]) as content:
        layout = layout_of(content, f"{shown}/{names[0]}".removesuffix("/"))
    for name in names:
        called = f"{shown}/{name}".removesuffix("/")
        with files.open(name) as content:
            tables[name] = pa.Table.from_batches(stream_cells(content, called, layout.load_args))
        columns = tables[names[0]].column_names
        refuse_other_columns(tables[name].column_names, called, columns, names[0])
    table = pa.concat_tables([part.select(columns) for part in tables.values()])
    cells = {name: cells_of(table[name]) for name in columns}
    layout = with_marks(
        layout, marks_of_table(cells.values(), dialect_of(layout.load_args)["delimiter"])
    )
    unique = {name for name in columns if _identifies(name, [*tables.values()])}
    return table, layout, profile_of(cells, table.num_rows, shown, layout.marks, unique)


def _identifies(name: str, tables: list[pa.Table]) -> bool:
    """Tell whether each value is once in each file, of which a later one may correct a row."""
    return (
        len(tables) > 1
        and names_an_identifier(name)
        and all(pc.count_distinct(part[name]).as_py() == part.num_rows for part in tables)
    )


@contextlib.contextmanager
def _written(folder: Path, contents: dict[str, str]) -> Iterator[None]:
    """Write files of a folder, and take all back where that or what follows fails."""
    if not folder.exists():
        beside = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            for name, text in contents.items():
                replace(beside / name, text.encode())
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        try:
            yield
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return
    before = {name: _content(folder / name) for name in contents}
    try:
        for name, text in contents.items():
            replace(folder / name, text.encode())
        yield
    except BaseException:
        for name, content in before.items():
            if content is None:
                (folder / name).unlink(missing_ok=True)
            elif _content(folder / name) != content:
                replace(folder / name, content)
        raise


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _save(profile: Profile, env: str, project: Path) -> str:
    """Save the profile as the catalog says, without a session: nothing runs."""
    loader = settings.CONFIG_LOADER_CLASS(
        str(project / settings.CONF_SOURCE), env=env, **settings.CONFIG_LOADER_ARGS
    )
    entry: dict[str, Any] = dict(loader["catalog"]["profile"])
    path = entry["filepath"]
    if "://" not in path:
        entry["filepath"] = (project / path).as_posix()
    version = generate_timestamp()
    DataCatalog.from_config({"profile": entry}, save_version=version).save("profile", profile)
    return f"{path}/{version}"
