"""The runs of all models of an environment: one after the other or in several processes."""

import multiprocessing
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from threading import Thread
from typing import Any

from kedro.framework.startup import bootstrap_project
from kedro.io.core import generate_timestamp

from tabular_lstm.errors import counted, first_ten
from tabular_lstm.exit_codes import FAILED, NEED_A_PERSON
from tabular_lstm.parameters.runs import EVENTS
from tabular_lstm.runs.attempts import Attempt
from tabular_lstm.runs.models import loader_of
from tabular_lstm.runs.notify import RunEnd, notify, read_options
from tabular_lstm.serving.promotion_log import RUN_ID

KILLED = (
    "Error: a process was killed or ran out of memory, so this run was interrupted or did not "
    "begin. Run it again with fewer --jobs."
)


def failed(message: str, exit_code: int = FAILED) -> Attempt:
    """Return the attempt of a run that did not begin, or whose process ended."""
    return Attempt(
        run_id=generate_timestamp(),
        pipeline="",
        outcome="failed",
        severity="failed",
        exit_code=exit_code,
        message=message,
    )


def run_each(
    run_model: Callable[[str], Attempt], names: Sequence[str], jobs: int, project: Path
) -> Iterator[tuple[str, Attempt]]:
    """Run models, and yield each name with its attempt as soon as the run ends.

    SIGTERM interrupts them as Ctrl-C does.

    Args:
        run_model: Runs the model with this name; a function that can be pickled.
        names: Names of models.
        jobs: How many processes. With several, what a run prints is printed once it ends.
        project: The folder of the project.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if jobs == 1:
            yield from ((name, run_model(name)) for name in names)
        else:
            yield from _run_apart(run_model, names, jobs, project)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_apart(
    run_model: Callable[[str], Attempt], names: Sequence[str], jobs: int, project: Path
) -> Iterator[tuple[str, Attempt]]:
    with ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), _begin_process, (project,)
    ) as pool:
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


def _begin_process(project: Path) -> None:
    """Prepare a process for runs; it ends when the command does, even if that is killed."""
    Thread(target=_end_after, args=[multiprocessing.parent_process()], daemon=True).start()
    bootstrap_project(project)


def _end_after(parent: Any) -> None:
    parent.join()
    os._exit(FAILED)


def _with_output(run_model: Callable[[str], Attempt], name: str) -> tuple[Attempt, str]:
    """Run a model in this process, and return what it printed, too."""
    with tempfile.TemporaryFile() as output:
        for descriptor in (1, 2):
            os.dup2(output.fileno(), descriptor)
        attempt = run_model(name)
        sys.stdout.flush()
        output.seek(0)
        return attempt, output.read().decode(errors="replace")


def errors_of(ends: Mapping[str, Attempt]) -> list[str]:
    """Return each error once, with its models; their names and run ids in it do not count."""
    models: dict[str, list[str]] = {}
    for name, end in ends.items():
        of_model = rf"(?<=[/=']){re.escape(name)}(?![\w-])|{RUN_ID}"
        message = re.sub(of_model, "…", end.message.removeprefix("Error: "))
        if end.severity == "failed":
            models.setdefault(message, []).append(name)
    return [
        f"Error: {len(names)} models, {first_ten(names)}: {message}"
        if names[1:]
        else f"Error: {names[0]}: {ends[names[0]].message.removeprefix('Error: ')}"
        for message, names in models.items()
    ]


def notify_of_all(ends: Mapping[str, Attempt], env: str | None, project: Path) -> None:
    """Send one notification about all runs if conf lists any of their events: the most severe."""
    options = read_options(loader_of(project, env))
    events = {end.outcome for end in ends.values()} | {
        "alarm" for end in ends.values() if end.alarm
    }
    needing = [
        f"{name} ({end.severity})" for name, end in ends.items() if end.severity in NEED_A_PERSON
    ]
    listed = f": {first_ten(needing)}" if needing else ""
    told = [event for event in reversed(EVENTS) if event in events & {*options.events}]
    for event in told[:1]:
        notify(
            RunEnd(
                event=event,
                environment=env or "base",
                run_id=None,
                message=f"{len(needing)} of {counted(len(ends), 'model')} need a person{listed}",
                outcomes=[{"model": n, **end.model_dump(mode="json")} for n, end in ends.items()],
            ),
            options,
            project,
        )
