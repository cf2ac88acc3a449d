"""A decision: what an older one does not have, or has beside that, leaves its hash as it was."""

import json
import re
from typing import Any

import pytest

from tabular_lstm.files import sha256
from tabular_lstm.monitoring.drift import Drift
from tabular_lstm.serving.decision import Decision
from tests.helpers.decisions import decision
from tests.helpers.logs import LOG, run

# What an earlier version wrote.
AGE = {"kind": "number", "missing": 0.5, "mean": 81.0, "deviation": 3.25}
TOWN = {"kind": "category", "missing": 0.0, "levels": {"Ulm": 0.75}, "distinct": 2}
DAY = {"kind": "date", "missing": 1.0}
CHANGE = {"name": "age", "then": AGE | {"mean": 40.0}, "now": AGE}
FEATURES = {"age": AGE, "town": TOWN, "day": DAY}


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"features": FEATURES, "changes": {"compared": 3, "changed": 1, "most": [CHANGE]}},
        {"features": FEATURES, "changes": {"compared": 0, "changed": 0, "most": []}},
    ],
)
def test_an_older_decision_keeps_its_hash(before: dict[str, Any]) -> None:
    as_written = decision(True).model_dump(mode="json")
    assert not {"features", "changes", "drift"} & as_written["judgement"].keys()
    del as_written["format"]
    as_written["judgement"] |= before
    older = Decision.model_validate_json(json.dumps(as_written))
    assert older.model_dump(mode="json") == {"format": 1, **as_written}
    assert older.fingerprint() == sha256(json.dumps(as_written, separators=(",", ":")).encode())
    assert older.alarm is None


def test_a_decision_with_a_drift_is_read_as_it_was_written() -> None:
    written = decision(True)
    assert written.judgement is not None
    drift = Drift(run_id=written.run_id, champion="b", not_compared="it is gone")
    judgement = written.judgement.model_copy(update={"drift": drift})
    written = written.model_copy(update={"judgement": judgement})
    read = Decision.model_validate_json(written.model_dump_json())
    assert read == written
    assert read.fingerprint() == written.fingerprint()


def test_the_last_words_of_a_run_say_who_serves_and_where_the_report_is() -> None:
    number = r"\d\.\d{3}"
    for log, beside in ((LOG, rf" \({number}\)"), ([], "")):
        area = rf"ROC AUC {number}{beside.replace('(', '(champion ')}"
        said = rf"Promoted run {run('z')}: {area}, log loss {number}{beside}\. Report: r"
        assert re.fullmatch(said, decision(True, log).closing_line("r"))
    rejected = f"Rejected run {run('z')}: as expected, or not. "
    stays = f"The champion stays run {run('d')}. Report: r"
    assert decision(False, LOG).closing_line("r") == rejected + stays
    assert decision(False).closing_line("r") == f"{rejected}There is still no champion. Report: r"
