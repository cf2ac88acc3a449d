"""What MLflow is told of a decision: names and values, without MLflow."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from tabular_lstm.serving.decision import Decision, Judgement


def tags_of(decision: Decision) -> dict[str, str]:
    """Give what a run is found by in MLflow."""
    found = {
        "run_id": decision.run_id,
        "action": decision.action,
        "environment": decision.environment,
        "served_before": decision.served_before,
        "serves_now": decision.serves_now,
        "sha256": decision.judgement.candidate_sha256 if decision.judgement else decision.sha256,
        "mlflow.source.git.commit": decision.git_commit,
        "mlflow.note.content": decision.reason,
    }
    return {name: value for name, value in found.items() if value is not None}


def flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Give each parameter its path and its value as JSON.

    A dictionary by names that MLflow may refuse, such as those of columns, is one value.

    Examples:
        >>> [*flat({"network": {"members": 8}, "missing": {"größe (m)": [0]}})]
        [('network.members', '8'), ('missing', '{"größe (m)": [0]}')]
    """
    for name, value in values.items():
        path = f"{above}{name}"
        if isinstance(value, dict) and value and all(re.fullmatch(r"\w+", n, re.A) for n in value):
            yield from flat(value, f"{path}.")
        else:
            yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def numbers(judgement: Judgement) -> Iterator[tuple[str, float]]:
    """Give the metrics of the candidate, baselines and the champion, and the numbers of rows.

    The candidate's have no model's name before theirs.
    """
    models = {"": judgement.candidate}
    models |= {f"{name}.": measured for name, measured in judgement.baselines.items()}
    if judgement.champions and (champion := judgement.champions[0].metrics):
        models["champion."] = champion
    for before, metrics in models.items():
        for name, value in metrics.model_dump(exclude={"interval", "confusion_matrix"}).items():
            if value is not None and math.isfinite(value):
                yield f"{before}{name}", value
        for name, (low, high) in metrics.interval.items():
            yield f"{before}{name}.low", low
            yield f"{before}{name}.high", high
    rows = judgement.data.counts()
    yield from ((name, value) for name, value in rows.items() if isinstance(value, int))


def where(uri: str) -> str:
    """Name the store without what may be a secret.

    Examples:
        >>> where("https://me:secret@tracking.example.org/a?token=secret")
        'tracking.example.org'
        >>> where("sqlite:///data/mlflow.db"), where("databricks")
        ('sqlite', 'the store')
    """
    try:
        parts = urlsplit(uri)
        return parts.hostname or parts.scheme or "the store"
    except ValueError:
        return "the store"
