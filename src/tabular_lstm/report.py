"""The report for people: one HTML page that opens without a network."""

from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go


def page(
    decision: dict[str, Any],
    metrics: dict[str, Any],
    verdict: list[str],
    quarantined_rows: pd.DataFrame,
    figures: dict[str, go.Figure],
) -> str:
    """Write the page."""
    return f"<!doctype html><title>{escape(decision['reason'])}</title>"
