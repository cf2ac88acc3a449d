"""Replay sixty nightly runs on a growing table, and write a site that shows them.

    python benchmarks/nights.py [--few] [--folder FOLDER]

The table is the shipped one of Pima patients. It starts with 400 labelled rows. On each weekday
eight patients arrive. Each night the newest 200 patients are scored. The labels of a morning come
two nights later, and a retraining learns from all labelled rows. Meanwhile a unit changes, a leak
appears, a column goes, labels stay away or are the wrong way round, a run is killed, and a person
rolls back. Every run is `kedro run` in a project of its own.

It fails if a night does not end as its cause requires. The site, by default `nights/`, has a page
with all nights, and each night's log, report, monitoring page and overview; and Kedro-Viz's page
(`python -m http.server --directory nights`). `--few`: eleven nights, with each cause once, and
without Kedro-Viz.

The pictures of the README are first screens in Chromium, 1,200 pixels wide: of the page of `--few`,
and of the report that the README's retrainings leave.
"""

import argparse
import contextlib
import json
import logging
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from click.testing import CliRunner
from jinja2 import Environment, PackageLoader
from kedro.framework.startup import bootstrap_project

from tabular_lstm.cli import cli

ROOT = Path(__file__).resolve().parent.parent
# Labelled rows at first, rows of a morning, rows that are scored, nights until a label comes.
FIRST, ARRIVE, SCORED, LATE = 400, 8, 200, 2
LABEL, KEY = "diabetes", "patient"
SETTINGS = {
    "evaluation": {"bootstrap_resamples": 200, "importance_repeats": 1},
    "monitoring": {"false_alarms": 0.001},
}
MMOL = 18.016  # mg/dl of glucose in one mmol/l
DONE, FAILED, ALARM, UNTRUSTED = 0, 1, 3, 65  # exit codes
RETRAINING, SCORING, MONITORING = "retraining", "scoring", "monitoring"
JUDGED = r"Promoted|Rejected"
UNCHANGED = r"Unchanged"
OUTCOMES = r"Promoted|Rejected|Unchanged|Scored|Rolled back|Error|The champion of run"


@dataclass(frozen=True)
class Asked:
    """How a pipeline has to end: its exit code, and a pattern in what it says."""

    code: int
    says: str


@dataclass(frozen=True)
class Cause:
    """What is special about a night.

    Attributes:
        words: For the reader.
        asked: By pipeline. Default: as on any weekday.
        arrive: Whether patients arrive.
        change_rows: How the file of the morning's rows is changed.
        change_table: How the file of labelled rows is changed.
        labels: Whether labels come.
        kill: Whether the retraining is killed while it trains.
        before: A command that a person runs first, and how it has to end.
    """

    words: str
    asked: dict[str, Asked] = field(default_factory=dict)
    arrive: bool = True
    change_rows: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows
    change_table: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table
    labels: bool = True
    kill: bool = False
    before: tuple[tuple[str, ...], Asked] | None = None


def in_mmol(rows: pd.DataFrame) -> pd.DataFrame:
    """Write glucose in another unit, as a new device does."""
    return rows.assign(glucose=(rows["glucose"] / MMOL).round(1))


def with_leak(table: pd.DataFrame) -> pd.DataFrame:
    """Add a column that is filled after the label is known."""
    return table.assign(insulin_prescribed=table[LABEL])


def swapped(table: pd.DataFrame) -> pd.DataFrame:
    """Write 0 for 1, and 1 for 0, as a label."""
    return table.assign(**{LABEL: 1 - table[LABEL]})


def without_insulin(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave a column out."""
    return rows.drop(columns="insulin")


WEEKDAY = Cause("Eight new patients arrive, and labels of earlier patients.")
TUESDAY = Cause(
    "Eight new patients arrive, but no labels: two mornings ago was a Sunday.", labels=False
)
WEEKEND = Cause(
    "Weekend: no new patients and no new labels.",
    {SCORING: Asked(DONE, UNCHANGED)},
    arrive=False,
    labels=False,
)
SWAPPED = Cause(
    "The file from the laboratory has 0 and 1 swapped.",
    {RETRAINING: Asked(UNTRUSTED, "Rejected"), MONITORING: Asked(ALARM, "log loss")},
    change_table=swapped,
)
UNIT = Cause(
    "A new device writes glucose in mmol/l.",
    {SCORING: Asked(ALARM, "'glucose'"), MONITORING: Asked(ALARM, "'glucose'")},
    change_rows=in_mmol,
)
LEAK = Cause(
    "The table has a new column that is filled in once diabetes is diagnosed.",
    {RETRAINING: Asked(UNTRUSTED, "insulin_prescribed")},
    change_table=with_leak,
)
GONE = Cause(
    "The source no longer delivers the column insulin.",
    {RETRAINING: Asked(FAILED, "'insulin'"), SCORING: Asked(FAILED, "'insulin'")},
    change_rows=without_insulin,
    change_table=without_insulin,
)
NO_LABELS = Cause("The laboratory sends no labels this week.", labels=False)
KILLED = Cause(
    "The system kills the retraining run during training.",
    {RETRAINING: Asked(-9, "")},
    kill=True,
)
BACK = Cause(
    "Weekend: someone rolls back to the previous champion. Candidates now have to match that one.",
    {RETRAINING: Asked(DONE, f"{UNCHANGED}.*rolled back|{JUDGED}")},
    arrive=False,
    labels=False,
    before=(("run", "--pipelines", "rollback"), Asked(DONE, "Rolled back")),
)
BEGIN = Cause("The first night: 400 patients with labels.", {RETRAINING: Asked(DONE, "Promoted")})
AS_EVER = {
    RETRAINING: Asked(DONE, JUDGED),
    SCORING: Asked(DONE, "Scored"),
    MONITORING: Asked(DONE, "have a label"),
}


def causes(few: bool) -> list[Cause]:
    """Give the cause of each night, in their order."""
    if few:
        return [
            BEGIN,
            WEEKDAY,
            BACK,
            UNIT,
            LEAK,
            GONE,
            SWAPPED,
            KILLED,
            WEEKDAY,
            NO_LABELS,
            WEEKEND,
        ]
    week = [WEEKDAY, TUESDAY, *[WEEKDAY] * 3, WEEKEND, WEEKEND]
    nights = [BEGIN, WEEKDAY, *week[2:], *week * 8][:60]
    special = {9: UNIT, 10: UNIT, 16: LEAK, 24: GONE, 31: KILLED, 38: SWAPPED, 41: BACK, 55: BACK}
    special |= dict.fromkeys(range(42, 47), NO_LABELS)
    return [special.get(number, cause) for number, cause in enumerate(nights)]


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        name: The pipeline, or `rollback`.
        code: Its exit code; -9: it was killed.
        said: The line of its log that gives the outcome.
        log: All that it logged.
        asked: How it had to end.
    """

    name: str
    code: int
    said: str
    log: str
    asked: Asked

    @property
    def as_asked(self) -> bool:
        """Whether it ended as its cause asks for."""
        return self.code == self.asked.code and bool(re.search(self.asked.says, self.log))


@dataclass(frozen=True)
class Night:
    """A night: its cause, how its commands ended, and the pages that it made, by name."""

    number: int
    cause: str
    ended: list[Ended]
    pages: dict[str, str]

    @property
    def as_asked(self) -> bool:
        """Whether all commands ended as the cause asks for."""
        return all(one.as_asked for one in self.ended)


class Replay:
    """A project, and what has happened in it."""

    def __init__(self, project: Path, site: Path) -> None:
        self.project, self.site = project, site
        rows = pd.read_csv(ROOT / "data/01_raw/diabetes.csv")
        self.rows = rows.assign(**{KEY: [f"P{number}" for number in range(len(rows))]})
        self.arrived = [FIRST, FIRST + ARRIVE]  # how many rows there are after each night
        self.known, self.began = FIRST, time.time()
        for name in ("conf", "pyproject.toml", ".telemetry"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, project / name)
        for name in ("src", "data/01_raw", "conf/local"):
            (project / name).mkdir(parents=True, exist_ok=True)
        columns = project / "conf/base/parameters_data_processing.yml"
        columns.write_text(columns.read_text().replace("key: null", f"key: {KEY}"))
        (project / "conf/local/parameters.yml").write_text(json.dumps(SETTINGS))
        bootstrap_project(project)
        shutil.rmtree(site, ignore_errors=True)
        site.mkdir(parents=True)

    def night(self, number: int, cause: Cause) -> Night:
        """Let a night pass."""
        self.began = time.time()
        if cause.labels:
            self.known = self.arrived[-LATE]
        arrived = self.arrived[-1] + (ARRIVE if cause.arrive else 0)
        raw = self.project / "data/01_raw"
        table = cause.change_table(self.rows[: self.known])
        table.to_csv(raw / "diabetes.csv", index=False)
        table[[KEY, LABEL]].to_csv(raw / "late_labels.csv", index=False)
        if cause.arrive:
            rows = cause.change_rows(self.rows[arrived - SCORED : arrived]).drop(columns=LABEL)
            rows.to_csv(raw / "rows_to_score.csv", index=False)
        self.arrived.append(arrived)
        ended = []
        if cause.before is not None:
            ended.append(self.run("rollback", cause.before[0], cause.before[1]))
        for name in (RETRAINING, SCORING, MONITORING):
            command, asked = ("run", "--pipelines", name), cause.asked.get(name, AS_EVER[name])
            if name == RETRAINING and not cause.labels and name not in cause.asked:
                asked = Asked(DONE, UNCHANGED)
            is_killed = cause.kill and name == RETRAINING
            ended.append(self.killed(command) if is_killed else self.run(name, command, asked))
        return Night(number, cause.words, ended, self.keep(number, ended))

    def run(self, name: str, command: Sequence[str], asked: Asked) -> Ended:
        """Run a command in this process, which has imported TensorFlow already."""
        with heard() as lines:
            result = CliRunner().invoke(cli, [*command])
        lines += [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        log = self.text(lines)
        pattern = "ALARM" if result.exit_code == ALARM else OUTCOMES
        said = ["", *(line for line in log.splitlines() if re.match(pattern, line))]
        outcome = re.split(r" (?:Report|Predictions|To \w+ anyway): ", said[-1])[0]
        return Ended(name, result.exit_code, outcome, log, asked)

    def killed(self, command: Sequence[str]) -> Ended:
        """Run a retraining in a process, and kill it once it trains."""
        arguments = [sys.executable, "-m", "kedro", *command]
        with subprocess.Popen(
            arguments, cwd=self.project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip())
                if "Training " in line:
                    process.kill()
        asked = Asked(-9, "Training ")
        return Ended(RETRAINING, process.returncode, "Killed", self.text(lines), asked)

    def text(self, lines: Sequence[str]) -> str:
        """Give lines of a log as one text, with paths from the project's folder on."""
        return "\n".join(lines).replace(f"{self.project}/", "")

    def keep(self, number: int, ended: Sequence[Ended]) -> dict[str, str]:
        """Copy the logs and the pages of a night to the site."""
        pages = {}
        for one in ended:
            name = f"night_{number:02}_{one.name}.txt"
            (self.site / name).write_text(f"$ kedro run --pipelines {one.name}\n{one.log}\n")
        CliRunner().invoke(cli, ["overview"])
        reporting = self.project / "data/08_reporting"
        for page, path in (
            ("report", reporting / "latest.html"),
            ("monitoring", reporting / "latest_monitoring.html"),
            ("overview", self.project / "data/overview.html"),
        ):
            if path.exists() and path.stat().st_mtime > self.began:
                pages[page] = f"night_{number:02}_{page}.html"
                shutil.copy(path, self.site / pages[page])
        return pages


@contextlib.contextmanager
def heard() -> Iterator[list[str]]:
    """Collect what the project logs."""
    lines: list[str] = []
    ear, log = logging.Handler(), logging.getLogger("tabular_lstm")
    ear.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(ear)
    try:
        yield lines
    finally:
        log.removeHandler(ear)


INDEX = """<!doctype html>
<html lang="en">
<head><title>{{ nights | length }} nights</title>{% include "head.html.jinja" %}</head>
<body class="wide"><main>
{% set wrong = nights | rejectattr("as_asked") | list %}
<section class="headline {{ 'bad' if wrong else 'good' }}">
<h1>{{ nights | length }} nights:
{{ "%d did not end as they should" % wrong | length if wrong else "each ended as it should" }}</h1>
<p>A table of patients grows. Each night a model is retrained, new rows are scored, and the model is
monitored. The names of the runs link to their logs. With eight more labels, a candidate may be
slightly better or worse than the champion: the gate promotes or rejects it, and both outcomes are
right.</p>
{% if viz %}<p><a href="viz/index.html">The pipelines in Kedro-Viz</a> need a server:
<code>python -m http.server --directory {{ folder }}</code></p>{% endif %}
</section>
<div class="box"><table class="stacked">
<thead><tr><th>Night</th><th>What happens</th><th>How it ends</th><th>Read</th></tr></thead>
<tbody>{% for night in nights %}
<tr><th scope="row">{{ night.number }}
{% if not night.as_asked %}<span class="mark bad">not as it should</span>{% endif %}</th>
<td data-name="What happens">{{ night.cause }}</td>
<td data-name="How it ends">{% for one in night.ended %}
<div><a href="{{ "night_%02d_%s.txt" % (night.number, one.name) }}">{{ one.name }}</a>
{% if one.code %}<span class="mark bad">exit code {{ one.code }}</span>&#32;{% endif %}
{{ one.said }}</div>{% endfor %}</td>
<td data-name="Read">{% for name, page in night.pages.items() %}
<a href="{{ page }}">{{ name }}</a> {% endfor %}</td></tr>
{% endfor %}</tbody></table></div>
</main></body></html>
"""


def write_index(site: Path, nights: Sequence[Night]) -> None:
    """Write the page with all nights."""
    environment = Environment(
        loader=PackageLoader("tabular_lstm", "judging"), autoescape=True, trim_blocks=True
    )
    page = environment.from_string(INDEX).render(
        nights=nights, viz=(site / "viz").exists(), folder=site.name
    )
    (site / "index.html").write_text(page)


def build_viz(project: Path, site: Path) -> None:
    """Build Kedro-Viz's page."""
    subprocess.run([sys.executable, "-m", "kedro", "viz", "build"], cwd=project, check=True)
    shutil.move(project / "build", site / "viz")


def main(arguments: Sequence[str] | None = None) -> None:
    """Replay the nights; fail if one does not end as its cause asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--few", action="store_true", help="eleven nights, each cause once")
    parser.add_argument("--folder", type=Path, default=ROOT / "nights", help="of the site")
    options = parser.parse_args(arguments)
    site, began, nights = options.folder.resolve(), time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        replay = Replay(Path(folder), site)
        for number, cause in enumerate(causes(options.few), 1):
            nights.append(replay.night(number, cause))
            for one in nights[-1].ended:
                mark = "as asked" if one.as_asked else f"EXPECTED {one.asked}"
                print(
                    f"night {number}, {one.name}: {one.code} {one.said[:100]} ({mark})", flush=True
                )
        if not options.few:
            build_viz(replay.project, site)
        half_written = [str(path) for path in Path("data").rglob(".*.new")]
    write_index(site, nights)
    wrong = [night.number for night in nights if not night.as_asked]
    print(f"{len(nights)} nights in {time.monotonic() - began:.0f} s: {site}/index.html")
    if wrong or half_written:
        sys.exit(f"Nights that did not end as their cause asks for: {wrong}; {half_written=}")


if __name__ == "__main__":
    main()
