"""The log of a run: short, and its warnings once more before the end."""

import logging

import pytest

from tabular_lstm.runs.hooks import RunLog


def test_a_pipeline_is_named_once_and_warnings_are_said_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "tabular_lstm")
    rows = logging.getLogger("tabular_lstm.rows")
    with RunLog() as log:
        for node in ("reshaping.learn_schema", "reshaping.reshape", "training.build_network"):
            log.node(node)
        assert caplog.messages == [
            "Running reshaping.learn_schema",
            "Running training.build_network",
        ]
        rows.warning("%s: odd", "a.csv")
        rows.info("as usual")
        rows.warning("%s: odd", "a.csv")
        rows.warning("Rows are missing")
        caplog.clear()
        # The verdict has a warning too, and so has the last line, which is logged after this.
        log.repeat_warnings(["a.csv: odd", "as good"], "Rejected: rows are missing.")
    rows.warning("later")
    assert caplog.messages == ["Warning of this run: a.csv: odd", "as good", "later"]
