"""A decision: what an older one does not have is not in it, so that it keeps its hash."""

import json

from tabular_lstm.files import sha256
from tabular_lstm.judging.drift import changes_of
from tabular_lstm.rows.feature_summary import FeatureSummary
from tabular_lstm.serving.decision import Decision
from tests.helpers.decisions import decision


def test_an_older_decision_without_features_keeps_its_hash() -> None:
    as_written = decision(True).model_dump(mode="json")
    assert not {"features", "changes"} & as_written["judgement"].keys()
    older = Decision.model_validate_json(json.dumps(as_written))
    assert older.model_dump(mode="json") == as_written
    assert older.fingerprint() == sha256(json.dumps(as_written, separators=(",", ":")).encode())


def test_a_decision_with_features_is_read_as_it_was_written() -> None:
    written = decision(True)
    assert written.judgement is not None
    then = {"age": FeatureSummary(kind="number", missing=0, mean=40.0, deviation=9.0)}
    now = {"age": FeatureSummary(kind="number", missing=0.5, mean=41.0, deviation=9.0)}
    judgement = written.judgement.model_copy(
        update={"features": now, "changes": changes_of(then, now)}
    )
    written = written.model_copy(update={"judgement": judgement})
    read = Decision.model_validate_json(written.model_dump_json())
    assert read == written
    assert read.fingerprint() == written.fingerprint()
