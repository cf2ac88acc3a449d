"""The overview: the state of each model, those that need a person first, and what is new."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import DatasetError
from kedro.io.core import generate_timestamp

from tabular_lstm.datasets.champion_datasets import ChampionsDataset
from tabular_lstm.environments import output_folder, run_command, with_model
from tabular_lstm.errors import DataError, printable
from tabular_lstm.exit_codes import DONE, FAILED, NEED_A_PERSON, SEVERITIES, Severity
from tabular_lstm.files import replace, writing
from tabular_lstm.frozen import Frozen
from tabular_lstm.judging.drawing import template
from tabular_lstm.judging.model_metrics import metric_text
from tabular_lstm.metrics import METRICS
from tabular_lstm.parameters.columns import delay_of
from tabular_lstm.parameters.runs import OverviewOptions, StorageOptions
from tabular_lstm.runs.attempts import TRACED, Attempt, pull, read_attempts
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.models import conf_of, loader_of
from tabular_lstm.runs.output_folders import LATEST
from tabular_lstm.serving.champion import read_champion
from tabular_lstm.serving.decision import Champions
from tabular_lstm.serving.promotion_log import began, by_age, champion_of, changes

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Whether a model is stale depends on a pipeline's last six finished attempts, at least three.
# Rollbacks follow no schedule.
FEWEST, LAST, SCHEDULED = 3, 6, ("retraining", "scoring", "monitoring")


class ModelState(Frozen):
    """The state of a model.

    Attributes:
        needs, why, since: The most severe fault: its severity, a sentence, and the run in which it
            began; None if this is not known.
        exit_code: The exit code of a run with this fault.
        new: What has changed since the attempts of the day before.
        champion, serves_days: The run that serves, and its age. None if none serves.
        metric: What the champion promised: the main metric with its interval.
        attempts: The last attempt of each pipeline.
        hours: By pipeline, the hours since the last attempt that finished began.
        links: The paths of the newest `report` and `monitoring_page` in the project's folder.
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
        """Whether a person must look at the model."""
        return self.needs in NEED_A_PERSON

    def ended(self, pipeline: str) -> str:
        """Say how the last attempt ended, and the age of the last one that finished."""
        last, hours = self.attempts.get(pipeline), self.hours.get(pipeline)
        if last is None or hours is None:
            return str(last.outcome) if last else ""
        return (
            f"{last.outcome}{'; finished' if last.severity == 'failed' else ''} {_age(hours)} ago"
        )


def read_states(project: Path, env: str | None, models: Sequence[str]) -> list[ModelState]:
    """Read the state of each model, or of the only one; those that need a person come first.

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
        links = {
            name: page
            for name in ("report", "monitoring_page")
            if (project / (page := f"{output_folder(place)}/08_reporting/{LATEST[name]}")).exists()
        }
        states.append(ModelState(model=model or env or "base", **state, links=links))
    return sorted(states, key=lambda state: (SEVERITIES.index(state.needs), state.since or ""))


def _read_state(outputs: Path, command: str, options: OverviewOptions) -> dict[str, Any]:
    """Read the fields of a state from the outputs; what a run would refuse counts as damaged."""
    now, champions, last, news = (
        generate_timestamp(),
        Champions(),
        dict[str, Attempt](),
        list[str](),
    )
    state: dict[str, Any] = {"champion": None, "serves_days": None, "metric": "", "hours": {}}
    # Each fault has the fields `needs`, `why`, `since` and `exit_code`.
    faults = [_fault("done", "", exit_code=DONE)]
    try:
        champions = ChampionsDataset(str(outputs)).load()
        for entry in champions.log[-1:]:
            champions.decisions.get(entry.run_id)  # a damaged one is reported
        if champion := champion_of(champions.log):
            state |= {"champion": champion, "serves_days": (began(now) - began(champion)).days}
            decision = champions.decisions.get(champion)
            if decision and (judgement := decision.judgement):
                main = judgement.data.task.traits.main
                value = getattr(judgement.candidate, main), *judgement.candidate.interval[main]
                numbers = [metric_text(main, number) for number in value]
                state["metric"] = "{} {} [{}, {}]".format(METRICS[main].words, *numbers)
            read_champion(outputs, command)
    except (DataError, DatasetError) as error:
        cause = error.__cause__ if isinstance(error, DatasetError) else error
        faults.append(_fault("damaged", printable(cause)))
    for pipeline in TRACED:
        try:
            attempts = read_attempts(outputs, pipeline)
        except DataError as error:
            faults.append(_fault("damaged", printable(error)))
            continue
        finished = [began(a.run_id) for a in attempts if a.severity != "failed"]
        last.update((pipeline, attempt) for attempt in attempts[-1:])
        if finished:
            state["hours"][pipeline] = round((began(now) - finished[-1]) / HOUR, 1)
        if pipeline in SCHEDULED:  # a rollback is not scheduled: its user sees the error
            faults += _last_fault(pipeline, attempts, champions, now)
            faults += _stale(pipeline, finished, now, options)
        news += _news(pipeline, attempts, now)
    if not (last or champions.log or faults[1:]):
        faults.append(_fault("never run", "no run yet", exit_code=DONE))
    worst = min(faults, key=lambda fault: SEVERITIES.index(fault["needs"]))
    return state | worst | {"new": tuple(news), "attempts": last}


def _fault(
    needs: Severity, why: str, since: str | None = None, exit_code: int = FAILED
) -> dict[str, Any]:
    return {"needs": needs, "why": why, "since": since, "exit_code": exit_code}


def _last_fault(
    pipeline: str, attempts: Sequence[Attempt], champions: Champions, now: str
) -> list[dict[str, Any]]:
    """Say how the last attempt of a pipeline ended, and since when attempts have ended like this.

    What a scoring or a monitoring found before the champion last changed no longer counts.
    """
    changed = [entry.run_id for entry in changes(champions.log)[-1:]]
    last = attempts[-1] if attempts else None
    is_past = last and by_age([last.run_id, *changed], now)[-1] != last.run_id
    if last is None or (is_past and last.severity in {"alarm", "untrusted data"}):
        return []
    alike = [attempt.severity == last.severity for attempt in reversed(attempts)]
    first = attempts[-([*alike, False].index(False))]
    alarm = f"ALARM: {last.alarm}. " if last.alarm else ""
    why = f"{pipeline}: {alarm}{last.message.removeprefix('Error: ')}"
    return [_fault(last.severity or "failed", why, first.run_id, last.exit_code or DONE)]


def _stale(
    pipeline: str, finished: Sequence[datetime], now: str, options: OverviewOptions
) -> list[dict[str, Any]]:
    """Say that no attempt has finished for too long; empty if there are too few to tell."""
    gaps = [later - earlier for earlier, later in pairwise(finished[-LAST:])]
    if len(finished) < FEWEST:
        return []
    usual, after = max(2 * sorted(gaps)[len(gaps) // 2], DAY), options.stale_after
    limit, age = delay_of(after) * DAY if after else usual, began(now) - finished[-1]
    ages = f"none has finished for {_age(age / HOUR)}, expected one within {_age(limit / HOUR)}"
    return [_fault("stale", f"{pipeline}: {ages}")] if age > limit else []


def _news(pipeline: str, attempts: Sequence[Attempt], now: str) -> list[str]:
    """Say how the last attempt, if from the last day, differs from that of the day before."""
    last = [a for a in attempts[-1:] if began(now) - began(a.run_id) < DAY]
    was = [a for a in attempts if last and began(last[0].run_id) - began(a.run_id) > DAY / 2]
    return [
        f"{pipeline} {_ending(new)}{f', previously {_ending(was[-1])}' if was else ''}"
        for new in last
        if [attempt.severity for attempt in was[-1:]] != [new.severity]
        or new.outcome in {"promoted", "rolled_back"}
    ]


def _ending(attempt: Attempt) -> str:
    ending = attempt.outcome if attempt.severity == "done" else attempt.severity
    return str(ending).replace("_", " ")


def _age(hours: float) -> str:
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def states_table(states: Sequence[ModelState], outcomes: Mapping[str, str] | None = None) -> str:
    """Write the table, with the outcome of each run if given, and why a person is needed."""
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
        f"{state.model}: {state.why}{f' (since {state.since[:10]})' if state.since else ''}"
        for state in states
        if state.needs_person
    ]
    return "\n".join([table.to_string(index=False), *why])


def write_overview(
    states: Sequence[ModelState], project: Path, env: str | None, notes: Sequence[str] = ()
) -> Path:
    """Write the page beside the models' folders, and return its path.

    Raises:
        DataError: The page cannot be written.
    """
    path = project / output_folder(env) / "overview.html"
    page = template("runs", "overview.html.jinja").render(
        states=states,
        env=env or "base",
        made=began(generate_timestamp()).strftime("%Y-%m-%d %H:%M UTC"),
        notes=notes,
        pipelines=SCHEDULED,
        folder=f"{output_folder(env)}/",
    )
    with writing(path):
        replace(path, page.encode())
    return path
