"""The overview: what serves in each model's folder, and who needs a person."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import DatasetError
from kedro.io.core import generate_timestamp

from tabular_lstm.datasets.champion_datasets import ChampionsDataset
from tabular_lstm.environments import output_folder, with_model
from tabular_lstm.errors import DataError, counted, printable
from tabular_lstm.files import replace
from tabular_lstm.frozen import from_json
from tabular_lstm.judging.drawing import template
from tabular_lstm.judging.model_metrics import metric_text
from tabular_lstm.metrics import METRICS
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.monitoring.health import Health
from tabular_lstm.serving.manifest import finished_runs, read_manifest
from tabular_lstm.serving.promotion_log import began, champion_of, changes

# Why a model needs a person, the worst first; "" if it needs none.
NEEDS = ("no champion", "unreadable", "alarm", "rejected", "")
NO_CHAMPION, UNREADABLE, ALARM, REJECTED, NOTHING = NEEDS
HEADER = ("model", "needs", "champion", "metric", "decision", "scored", "quarantined")
State = dict[str, str]  # by the names of `HEADER`; and `why`, the reason, and `report`, a path


def read_states(project: Path, env: str | None, models: Sequence[str]) -> list[State]:
    """Read all models, or the one that the environment is; who needs a person comes first."""
    folders = {model: output_folder(with_model(env, model)) for model in models}
    folders = folders or {env or "base": output_folder(env)}
    states = [_read_state(project / folder, model) for model, folder in folders.items()]
    return sorted(states, key=lambda state: (NEEDS.index(state["needs"]), state["champion"]))


def _read_state(folder: Path, model: str) -> State:
    """Read what the runs have left; an unreadable file is the reason why a person is needed."""
    report = folder / "08_reporting/latest.html"
    state = dict.fromkeys(HEADER, "") | {"report": str(report) if report.exists() else ""}
    state |= {"model": model, "needs": NO_CHAMPION, "why": "there was no retraining"}
    try:
        champions, alarms = ChampionsDataset(str(folder)).load(), {}
        for last in champions.log[-1:]:
            state |= {"decision": f"{last.action}, {last.run_id[:10]}", "why": last.reason}
            state["needs"] = REJECTED if last.action == "rejected" else NOTHING
            alarms[last.run_id] = getattr(champions.decisions.get(last.run_id), "alarm", None)
        if (champion := champion_of(champions.log)) is None:
            return state | {"needs": NO_CHAMPION}
        age = counted((datetime.now(UTC) - began(champion)).days, "day")
        state["champion"] = f"{champion}, {age}"
        if judgement := champions.judgement(champion):
            main = judgement.data.task.traits.main
            value = getattr(judgement.candidate, main), *judgement.candidate.interval[main]
            numbers = [metric_text(main, number) for number in value]
            state["metric"] = "{} {} [{}, {}]".format(METRICS[main].words, *numbers)
        if champion not in champions.artifacts:
            return state | {"needs": UNREADABLE, "why": f"the file of run {champion} is gone"}
        predictions = folder / "07_model_output/predictions"
        for run in finished_runs(predictions, generate_timestamp())[-1:]:
            manifest = read_manifest(predictions / run)
            state |= {
                "scored": f"{manifest.scored_rows:,}",
                "quarantined": f"{manifest.quarantined_rows:,}",
            }
        for output, kind in (("scoring_drift.json", Drift), ("monitoring.json", Health)):
            for path in sorted((folder / "08_reporting" / output).glob(f"*/{output}"))[-1:]:
                read: Any = from_json(kind, path)
                alarms[path.parent.name] = read.alarm
        # What was before the last change of the champion is past.
        since = changes(champions.log)[-1].run_id
        if current := [text for run, text in sorted(alarms.items()) if text and run >= since]:
            state |= {"needs": ALARM, "why": current[-1]}
    except (DataError, DatasetError, OSError) as error:
        return state | {"needs": UNREADABLE, "why": printable(str(error.__cause__ or error))}
    return state


def states_table(states: Sequence[State], outcomes: Mapping[str, str] | None = None) -> str:
    """Write the table, with the outcome of each run if there was one, and what needs a person."""
    table = pd.DataFrame(states, columns=[*HEADER])
    if outcomes is not None:
        table.insert(0, "run", table["model"].map(outcomes))
    why = ["{model}: {why}. Report: {report}".format(**s) for s in states if s["needs"]]
    return "\n".join([table.to_string(index=False), *why])


def write_overview(states: Sequence[State], project: Path, env: str | None) -> Path:
    """Write the page beside the models' folders, and return its path."""
    path = project / output_folder(env) / "overview.html"
    page = template("runs", "overview.html.jinja").render(states=states, env=env or "base")
    replace(path, page.encode())
    return path
