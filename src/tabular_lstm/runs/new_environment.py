"""From a file to an environment: look at its rows, and write the conf that they call for."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.project import settings
from kedro.io import DataCatalog
from kedro.io.core import generate_timestamp

from tabular_lstm.environments import BASE, refuse_no_name, run_command
from tabular_lstm.errors import DataError, shown
from tabular_lstm.profiling.conf_files import (
    CATALOG,
    PARAMETERS,
    RowsToScore,
    catalog_text,
    parameters_text,
)
from tabular_lstm.profiling.page import page
from tabular_lstm.profiling.profile import Profile
from tabular_lstm.profiling.proposal import Proposal, propose
from tabular_lstm.profiling.trial import blocks_of, stop_of, tried
from tabular_lstm.runs.guards import check_parameters
from tabular_lstm.runs.profiled import Profiled, profiled
from tabular_lstm.runs.written_conf import refuse_files, written

BLOCKS = {"raw_rows", "rows_to_score", "columns", "validation"}
FILES = {Path(name).stem for name in (CATALOG, PARAMETERS)}


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
    _refuse_names(env)
    if not force:
        refuse_files(FILES, folder, folder)
    path = _as_written(file, project)
    found = profiled(file, path)
    layout, profile = found.layout, found.profile
    proposal = _proposal(found, told)
    command = _command(path, env, told)
    to_score = RowsToScore.of(env, layout, profile, proposal)
    contents = {
        CATALOG: catalog_text(path, command, layout, to_score),
        PARAMETERS: parameters_text(proposal, command),
    }
    _refuse_other_blocks(contents, path)
    try:
        with written(folder, contents, set() if force else FILES):
            conf = _loader(env, project)
            blocks = check_parameters(conf["parameters"])
            stop = stop_of(found.rows, found.again, profile, blocks)
            saved = _save(profile, conf, project)
    except OSError as error:
        raise DataError(
            f"{error.filename or folder}: {error.strerror or error}; nothing is written."
        ) from error
    inside = folder.relative_to(project)
    lines = [page(profile, layout, proposal), ""]
    lines += [f"Written: {inside / CATALOG}, {inside / PARAMETERS}; the profile: {saved}"]
    return "\n".join([*lines, *_next(env, to_score.path, stop)])


def _proposal(found: Profiled, told: Told) -> Proposal:
    """Propose what to say of the columns, and try it: a group for which a run stops is asked for.

    Raises:
        DataError: Also names what is unsure of how the file is read, which may be the reason.
    """
    try:
        proposal = _tried(found, told)
        if proposal.named("group") and _stops(proposal, found):
            other = _tried(found, told, grouped=False)
            return proposal if _stops(other, found) else other
        return proposal
    except DataError as error:
        if not found.layout.unsure:
            raise
        raise DataError(f"{error} Unsure is: {'; '.join(found.layout.unsure)}.") from error


def _tried(found: Profiled, told: Told, grouped: bool = True) -> Proposal:
    profile = found.profile
    proposal = propose(profile, told.label, told.positive, told.key, grouped)
    return tried(proposal, found.rows, profile.file, found.layout.marks)


def _stops(proposal: Proposal, found: Profiled) -> bool:
    """Tell whether a run would stop by what is proposed."""
    return stop_of(found.rows, found.again, found.profile, blocks_of(proposal)) is not None


def _next(env: str, to_score: str, stop: str | None) -> list[str]:
    """Say what is to be done next."""
    run = run_command(env)
    if stop is not None:
        return ["", f"A run would stop: {stop}", f"Mend that first, then: {run}"]
    return [
        f"Read them, then: {run}",
        f"For a model that serves: {run} --pipelines retraining",
        f"To score new rows, put them in {to_score}: {run} --pipelines scoring",
    ]


def _refuse_other_blocks(contents: dict[str, str], file: str) -> None:
    """Stop where a file's names would write conf of their own."""
    for name, text in contents.items():
        if other := sorted({*yaml.safe_load(text)} - BLOCKS):
            raise DataError(
                f"{file}: {name} would have a block '{shown(other[0])}' from a name or a cell of "
                "this file; nothing is written."
            )


def _refuse_names(env: str) -> None:
    refuse_no_name(env, settings.CONF_SOURCE)
    if not env or env in BASE:
        shared = f"; {env} is what all environments share" if env else ""
        raise DataError(
            f"Environment {env!r}: expected a name of its own for this file{shared}. Give another "
            "one with --env."
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


def _loader(env: str, project: Path) -> Any:
    conf = str(project / settings.CONF_SOURCE)
    return settings.CONFIG_LOADER_CLASS(conf, env=env, **settings.CONFIG_LOADER_ARGS)


def _save(profile: Profile, conf: Any, project: Path) -> str:
    """Save the profile as the catalog says, without a session: nothing runs."""
    entry: dict[str, Any] = dict(conf["catalog"]["profile"])
    path = entry["filepath"]
    if "://" not in path:
        entry["filepath"] = (project / path).as_posix()
    version = generate_timestamp()
    DataCatalog.from_config({"profile": entry}, save_version=version).save("profile", profile)
    return f"{path}/{version}"
