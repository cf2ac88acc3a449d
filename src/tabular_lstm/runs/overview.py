"""The overview: how each model of an environment is, who needs a person first, and what is new."""

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import DatasetError
from kedro.io.core import generate_timestamp

from tabular_lstm.datasets.champion_datasets import ChampionsDataset
from tabular_lstm.environments import output_folder, run_command, with_model
from tabular_lstm.errors import DataError, printable
from tabular_lstm.exit_codes import FAILED, NEED_A_PERSON, SEVERITIES, Severity
from tabular_lstm.files import replace
from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.drawing import template
from tabular_lstm.judging.model_metrics import metric_text
from tabular_lstm.metrics import METRICS
from tabular_lstm.parameters.columns import delay_of
from tabular_lstm.parameters.runs import OverviewOptions, StorageOptions
from tabular_lstm.runs.attempts import TRACED, Attempt, attempts_of, is_at_work, pull, read_attempts
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.models import conf_of, loader_of
from tabular_lstm.runs.output_folders import LATEST
from tabular_lstm.serving.champion import read_champion
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.promotion_log import began, by_age, champion_of, changes

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A model is stale by its last six finished attempts of a pipeline, if it has at least three.
# Rollbacks follow no schedule.
FEWEST, LAST, SCHEDULED = 3, 6, ("retraining", "scoring", "monitoring")
KILLED = "it began and did not end: killed, or its machine stopped"


class Finding(Frozen):
    """How a model is in one respect.

    Attributes:
        since: The run in which it began; None if this is not known.
    """

    severity: Severity
    why: str
    since: str | None = None
    exit_code: int = FAILED


class ModelState(Frozen):
    """How a model is.

    Attributes:
        needs, why, since: The severity of the most severe finding; up to `never run` it needs a
            person. The finding in a sentence, and the run in which it began.
        exit_code: That of a run with this finding.
        new: What changed since the attempts of the day before.
        champion, serves_days: The run that serves, and its age. None if none serves.
        metric: What was promised of the champion: the main metric with its interval.
        attempts: The last attempt of each pipeline.
        hours: By pipeline, the hours since the last attempt that finished began.
        links: By output, such as `report`, the newest page's path from the folder of the overview.
    """

    model: str
    needs: Severity
    why: str
    since: str | None
    exit_code: int
    new: tuple[str, ...]
    champion: str | None
    serves_days: int | None
    metric: str
    attempts: dict[str, Attempt]
    hours: dict[str, float]
    links: dict[str, str]

    @property
    def needs_person(self) -> bool:
        """Whether somebody must look."""
        return self.needs in NEED_A_PERSON

    def ended(self, pipeline: str) -> str:
        """Say how the last attempt ended, and the age of the last one that finished."""
        last, hours = self.attempts.get(pipeline), self.hours.get(pipeline)
        age = "" if hours is None else f", {_age(hours)}"
        return f"{last.outcome or 'did not end'}{age}" if last else ""


def read_states(project: Path, env: str | None, models: Sequence[str]) -> list[ModelState]:
    """Read all models, or the one that the environment is; who needs a person comes first.

    Raises:
        DataError: Outputs are kept in object storage, and it cannot be read.
    """
    loader, states = loader_of(project, env), []
    for model in models or [""]:
        place = with_model(env, model)
        outputs, blocks = project / output_folder(place), conf_of(loader, "parameters", model)
        storage = StorageOptions.model_validate(blocks["storage"])
        if kept := KeptOutputs.of(storage, loader, outputs, output_folder(place)):
            kept.pull_overview(LATEST.values())
            for pipeline in TRACED:
                pull(outputs, pipeline, kept)
        options = OverviewOptions.model_validate(blocks["overview"])
        state = _read_state(outputs, run_command(place), options)
        pages = {name: outputs / "08_reporting" / file for name, file in LATEST.items()}
        links = {
            name: os.path.relpath(path, project / output_folder(env))
            for name, path in pages.items()
            if path.suffix == ".html" and path.exists()
        }
        states.append(ModelState(model=model or env or "base", **state, links=links))
    return sorted(states, key=lambda state: (SEVERITIES.index(state.needs), state.since or ""))


def _read_state(outputs: Path, command: str, options: OverviewOptions) -> dict[str, Any]:
    """Read what the runs have left: what a run would refuse is a finding."""
    now, findings, champions = generate_timestamp(), list[Finding](), Champions()
    state: dict[str, Any] = {"champion": None, "serves_days": None, "metric": ""}
    last, hours, news = dict[str, Attempt](), dict[str, float](), list[str]()
    try:
        champions = ChampionsDataset(str(outputs)).load()
        if champion := champion_of(champions.log):
            state |= {"champion": champion, "serves_days": (began(now) - began(champion)).days}
            if judgement := champions.judgement(champion):
                main = judgement.data.task.traits.main
                value = getattr(judgement.candidate, main), *judgement.candidate.interval[main]
                numbers = [metric_text(main, number) for number in value]
                state["metric"] = "{} {} [{}, {}]".format(METRICS[main].words, *numbers)
            read_champion(outputs, command)
        for entry in champions.log[-1:]:
            champions.decisions.get(entry.run_id)
    except (DataError, DatasetError) as error:
        findings.append(Finding(severity="damaged", why=printable(error)))
    for pipeline in TRACED:
        try:
            attempts = read_attempts(outputs, pipeline)
        except DataError as error:
            findings.append(Finding(severity="damaged", why=printable(error)))
            continue
        last.update((pipeline, attempt) for attempt in attempts[-1:])
        versions = attempts_of(outputs, pipeline)
        ended = [a for a in attempts if a.outcome or not is_at_work(versions.path(a.run_id))]
        finished = [began(a.run_id) for a in ended if _severity(a) != "failed"]
        hours.update((pipeline, round((began(now) - time) / HOUR, 1)) for time in finished[-1:])
        findings += _last_findings(pipeline, ended, champions, now)
        findings += _stale(pipeline, finished, now, options) if pipeline in SCHEDULED else ()
        news += _news(pipeline, ended, now)
    if not (last or champions.log or findings):
        findings.append(Finding(severity="never run", why="there was no run yet", exit_code=0))
    well = Finding(severity="done", why="", exit_code=0)
    worst = min([*findings, well], key=lambda finding: SEVERITIES.index(finding.severity))
    needs = {"needs": worst.severity, **worst.model_dump(exclude={"severity"})}
    return state | needs | {"new": tuple(news), "attempts": last, "hours": hours}


def _severity(attempt: Attempt) -> Severity:
    """Return the severity of an attempt that is not at work: without an end, it was killed."""
    return attempt.severity or "failed"


def _last_findings(
    pipeline: str, ended: Sequence[Attempt], champions: Champions, now: str
) -> Iterator[Finding]:
    """Say how the last attempt of a pipeline ended, and since when they end so.

    What a scoring or a monitoring found before the last change of the champion is past.
    """
    for last in ended[-1:]:
        changed = [entry.run_id for entry in changes(champions.log)[-1:]]
        is_past = by_age([last.run_id, *changed], now)[-1] != last.run_id
        severity = _severity(last)
        if is_past and severity in {"alarm", "untrusted data"}:
            continue
        alike = [_severity(attempt) == severity for attempt in reversed(ended)]
        alarm = f" ALARM: {last.alarm}" if last.alarm else ""
        yield Finding(
            severity=severity,
            why=f"{pipeline}: {last.message if last.outcome else KILLED}{alarm}",
            since=ended[-([*alike, False].index(False))].run_id,
            exit_code=last.exit_code if last.exit_code is not None else FAILED,
        )


def _stale(
    pipeline: str, finished: Sequence[Any], now: str, options: OverviewOptions
) -> Iterator[Finding]:
    """Say that no attempt has finished for too long; nothing if they are too few to know."""
    if len(finished) < FEWEST:
        return
    gaps = [later - earlier for earlier, later in pairwise(finished[-LAST:])]
    limit = max(2 * statistics.median(gaps), DAY)
    if options.stale_after is not None:
        limit = delay_of(options.stale_after) * DAY
    if (age := began(now) - finished[-1]) > limit:
        times = _age(age / HOUR), _age(limit / HOUR)
        why = "{}: none finished for {}, expected one within {}".format(pipeline, *times)
        yield Finding(severity="stale", why=why)


def _news(pipeline: str, ended: Sequence[Attempt], now: str) -> Iterator[str]:
    """Say how the last attempt, if it is of the last day, differs from that of the day before."""
    last = [a for a in ended[-1:] if began(now) - began(a.run_id) < DAY]
    for new in last:
        before = [a for a in ended if began(new.run_id) - began(a.run_id) > DAY / 2]
        was = _severity(before[-1]) if before else None
        if was != _severity(new):
            yield f"{pipeline} {_severity(new)}{f', was {was}' if was else ''}"
        elif new.outcome in {"promoted", "rolled_back"}:
            yield f"{pipeline} {new.outcome}"


def _age(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def states_table(states: Sequence[ModelState], outcomes: Mapping[str, str] | None = None) -> str:
    """Write the table, with the outcome of each run if there was one, and what needs a person."""
    table = pd.DataFrame(
        [
            {
                "model": state.model,
                "needs": state.needs if state.needs_person else "",
                "new": "; ".join(state.new),
                "champion": state.champion or "none",
                "metric": state.metric,
                **{pipeline: state.ended(pipeline) for pipeline in SCHEDULED},
            }
            for state in states
        ]
    )
    if outcomes is not None:
        table.insert(0, "run", table["model"].map(outcomes).fillna("-"))
    why = [
        f"{state.model}: {state.why}"
        f"{f' (since {state.since[:10]})' if state.since else ''}"
        f"{f' Report: {report}' if (report := state.links.get('report')) else ''}"
        for state in states
        if state.needs_person
    ]
    return "\n".join([table.to_string(index=False), *why])


def write_overview(
    states: Sequence[ModelState], project: Path, env: str | None, notes: Sequence[str] = ()
) -> Path:
    """Write the page beside the models' folders, and return its path."""
    path = project / output_folder(env) / "overview.html"
    made = began(generate_timestamp()).strftime("%Y-%m-%d %H:%M UTC")
    content = {"states": states, "env": env or "base", "made": made, "notes": notes}
    page = template("runs", "overview.html.jinja").render(pipelines=SCHEDULED, **content)
    replace(path, page.encode())
    return path
