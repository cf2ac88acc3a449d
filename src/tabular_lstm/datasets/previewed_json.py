"""JSON as Kedro-Viz shows it: what is looked for first, hashes and parameters last, in short."""

import json
import math
from typing import Any

from kedro_datasets.json import JSONDataset
from pydantic import BaseModel

from tabular_lstm.datasets.kedro_private import JSONPreview

# What is decided or scored, in this order.
FIRST = ("action", "reason", "passed", "sentence", "roc_auc", "log_loss", "accuracy", "interval")
RUNS = ("run_id", "served_before", "serves_now")
LAST = {"inputs", "parameters", "packages", "git_commit", "trained_on", "line_before"}
# Of longer lists and objects.
SHOWN = 20


class PreviewedJSONDataset(JSONDataset):  # type: ignore[misc]
    """Kedro's `json.JSONDataset`, with another preview."""

    def preview(self) -> JSONPreview:
        """Show the value."""
        return preview(self.load())


def preview(value: Any) -> JSONPreview:
    """Show a value as JSON, in the order in which people look for its parts."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return JSONPreview(json.dumps(_in_short(plain)))


def _in_short(value: Any) -> Any:
    if isinstance(value, dict):
        items = sorted(value.items(), key=_place)  # the others keep their order
        shown = {name: _in_short(part) for name, part in items[:SHOWN]}
        return shown | ({"…": f"{len(items) - SHOWN} more"} if len(items) > SHOWN else {})
    if isinstance(value, list):
        if len(value) == 2 and all(isinstance(bound, float) for bound in value):
            return json.dumps(value)  # an interval, which would be folded in the side panel
        more = [f"… {len(value) - SHOWN} more"] if len(value) > SHOWN else []
        return [_in_short(part) for part in value[:SHOWN]] + more
    # A browser reads no NaN.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _place(item: tuple[str, Any]) -> tuple[int, int]:
    """Give the place of an object's part: numbers and texts before what has parts of its own."""
    name, value = item
    nested = isinstance(value, dict | list)
    if name in FIRST:
        return 0, FIRST.index(name)
    if nested and "roc_auc" in value:  # a model's scores
        return 1, 0
    if name in RUNS:
        return 2, RUNS.index(name)
    of_provenance = name.endswith("sha256") or (name in LAST and not isinstance(value, int))
    return (4 if of_provenance else 3), nested
