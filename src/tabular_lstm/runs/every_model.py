"""The runs of all models of an environment: one after the other or in several processes."""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from kedro.framework.startup import bootstrap_project
from kedro.io.core import generate_timestamp

from tabular_lstm import __version__
from tabular_lstm.errors import LISTED, counted
from tabular_lstm.exit_codes import FAILED, NEED_A_PERSON, Severity
from tabular_lstm.parameters.runs import EVENTS, Event, NotifyOptions
from tabular_lstm.runs.attempts import Attempt
from tabular_lstm.runs.models import loader_of
from tabular_lstm.runs.notify import RunEnd, notify, read_options

RunModel = Callable[[str], Attempt]
KILLED = "Error: the process of this run ended: killed, or out of memory. Use fewer --jobs."


def failed(message: str, exit_code: int = FAILED) -> Attempt:
    """Return the attempt of a run that did not begin, or whose process ended."""
    end: dict[str, Any] = {"outcome": "failed", "severity": "failed", "exit_code": exit_code}
    run_id = generate_timestamp()
    return Attempt(run_id=run_id, pipeline="", version=__version__, message=message, **end)


def run_each(
    run_model: RunModel, names: Sequence[str], jobs: int, project: Path
) -> Iterator[tuple[str, Attempt]]:
    """Run models, and give each with its attempt as soon as it ends.

    SIGTERM is a KeyboardInterrupt meanwhile, whose argument is the signal's number.

    Args:
        run_model: Runs the model with this name; a function that can be pickled.
        names: Names of models.
        jobs: How many processes. With several, what a run prints is printed once it ends.
        project: The folder of the project.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        if jobs == 1:
            yield from ((name, run_model(name)) for name in names)
        else:
            yield from _run_apart(run_model, names, jobs, project)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, _: Any) -> None:
    raise KeyboardInterrupt(number)


def _run_apart(
    run_model: RunModel, names: Sequence[str], jobs: int, project: Path
) -> Iterator[tuple[str, Attempt]]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, bootstrap_project, (project,)) as pool:
        runs = {pool.submit(_with_output, run_model, name): name for name in names}
        try:
            for run in as_completed(runs):
                try:
                    attempt, output = run.result()
                except BrokenProcessPool:
                    attempt, output = failed(KILLED), ""
                print(output, end="", flush=True)  # noqa: T201  what the run printed
                yield runs[run], attempt
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _with_output(run_model: RunModel, name: str) -> tuple[Attempt, str]:
    """Run a model in this process, and return what it printed, too."""
    with tempfile.TemporaryFile() as output:
        for descriptor in (1, 2):
            os.dup2(output.fileno(), descriptor)
        attempt = run_model(name)
        sys.stdout.flush()
        output.seek(0)
        return attempt, output.read().decode(errors="replace")


def errors_of(ends: Mapping[str, Attempt]) -> list[str]:
    """Write each error once, with the models that it is of; it may name each by its name."""
    models: dict[str, list[str]] = {}
    for name, end in ends.items():
        if end.severity == "failed":
            models.setdefault(_without_name(end.message, name), []).append(name)
    lines = []
    for message, names in models.items():
        if len(names) == 1:
            text, who = ends[names[0]].message, names[0]
        else:
            more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
            text, who = message, f"{len(names)} models, {', '.join(names[:LISTED])}{more}"
        lines.append(f"Error: {who}: {text.removeprefix('Error: ')}")
    return lines


def _without_name(message: str, name: str) -> str:
    """Leave out where a message names its model, so that the same error of another is equal."""
    for around in ("model={}", "/{}/", "'{}'"):
        message = message.replace(around.format(name), around.format("…"))
    return message


def notify_of_all(ends: Mapping[str, Attempt], env: str | None, project: Path) -> None:
    """Notify once of all runs, if the event of one of them is listed: the most severe is named."""
    options = read_options(loader_of(project, env))
    events = {name: _event_of(end, options) for name, end in ends.items()}
    told = [event for event in reversed(EVENTS) if event in {*events.values()} & {*options.events}]
    if not told:
        return
    needing = [f"{name} ({end.severity})" for name, end in ends.items() if _needs_person(end)]
    listed = f": {', '.join(needing[:LISTED])}{', …' if len(needing) > LISTED else ''}"
    end = RunEnd(
        event=told[0],
        environment=env or "base",
        run_id=None,
        message=f"{len(needing)} of {counted(len(ends), 'model')} need a person"
        f"{listed if needing else ''}",
        outcomes=[{"model": name, **end.model_dump(mode="json")} for name, end in ends.items()],
    )
    notify(end, options, project)


def _needs_person(end: Attempt) -> bool:
    return end.severity in NEED_A_PERSON


def _event_of(end: Attempt, options: NotifyOptions) -> Event | None:
    """Return the event of one run's notification; None if it would have none."""
    if end.alarm and "alarm" in options.events:
        return "alarm"
    return next((event for event in EVENTS if event == end.outcome), None)


def ends_of(ends: Mapping[str, Attempt]) -> list[tuple[Severity, int]]:
    """Return the severity and the exit code of each run, for `exit_codes.worst_code`."""
    return [(end.severity or "failed", end.exit_code or 0) for end in ends.values()]
