"""The report for people: one HTML page that needs neither an internet connection nor JavaScript.

The words and the layout are in `report.html.jinja` and, of a rollback, `rollback.html.jinja`; here
is what they are filled with.
"""

from base64 import b64encode
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from tabular_lstm.errors import counted, printable, shown
from tabular_lstm.judging import figures as draw
from tabular_lstm.judging.drawing import FIGURES, TITLES, to_svg
from tabular_lstm.judging.metrics import CANDIDATE, METRICS, MODELS, WORSE, written
from tabular_lstm.parameters import Training
from tabular_lstm.rows.data_warnings import listed
from tabular_lstm.rows.label_measures import MEASURES
from tabular_lstm.serving.data_drift import KEPT
from tabular_lstm.serving.decision import Decision, Provenance

LISTED = 20  # rows, features
COLUMNS = 40


def page(
    decision: Decision,
    provenance: Provenance,
    metrics: dict[str, Any],
    verdict: list[str],
    quarantined_rows: pd.DataFrame,
    figures: dict[str, str],
) -> str:
    """Write the page: HTML, less than 1 MB whatever the data are. It fetches nothing.

    Raises:
        ValueError: The decision judged no candidate.
    """
    judgement = decision.judgement
    if judgement is None:
        raise ValueError(f"The decision of run {decision.run_id} judged no candidate.")
    champion = judgement.champions[0] if judgement.champions else None
    models = {CANDIDATE: judgement.candidate}
    if champion and champion.metrics:
        models["champion"] = champion.metrics
    models |= judgement.baselines
    drawn = {"intervals": to_svg(draw.intervals(models), TITLES["intervals"])}
    drawn |= {name: figures[name] for name in FIGURES if name in figures}
    drift = judgement.drift
    both = drift.features | drift.scores if drift else {}
    shifts = dict(sorted(both.items(), key=lambda of: (-of[1].moved, -of[1].statistic)))
    return _template("report.html.jinja").render(
        decision=decision,
        judgement=judgement,
        champion=champion,
        leaks=listed(judgement.data.possible_leaks),
        told=MEASURES[judgement.data.task.kind],
        checks={check.name: check for check in judgement.checks},
        failed=[check for check in judgement.checks if not check.passed],
        worse=WORSE,
        coverage=decision.parameters.get("training", {}).get("coverage", Training().coverage),
        model_names=MODELS,
        metric_names=METRICS,
        models=models,
        metrics=metrics,
        verdict=verdict,
        quarantined=quarantined_rows.iloc[:LISTED, :COLUMNS].astype(object).fillna(""),
        columns_count=quarantined_rows.shape[1],
        shown=LISTED,
        shifts=shifts,
        kept=KEPT,
        provenance=provenance,
        quarantined_count=len(quarantined_rows),
        parameters=yaml.safe_dump(decision.parameters, sort_keys=False, allow_unicode=True),
        titles=TITLES,
        # As images: nothing in one of them can run, or be taken for a part of another.
        images={name: b64encode(svg.encode()).decode() for name, svg in drawn.items()},
    )


def page_of_rollback(decision: Decision, provenance: Provenance) -> str:
    """Write the page of a rollback, which says who serves now."""
    return _template("rollback.html.jinja").render(decision=decision, provenance=provenance)


def _template(name: str) -> Template:
    # Cells come from the user's file, so that everything is escaped but what `safe` lets through.
    environment = Environment(
        loader=PackageLoader("tabular_lstm", "serving"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_written,
    )
    environment.filters |= {"counted": counted, "shown": shown, "written": _measured}
    return environment.get_template(name)


def _measured(value: float, metric: str, form: str = ".3f") -> str:
    return written(metric, value, form)


def _written(value: object) -> object:
    """Write text so that it is seen; a line end is white space in HTML."""
    return "\n".join(map(printable, value.split("\n"))) if type(value) is str else value
