"""A feature that is known only after the label: what each command says, and what does not serve."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.helpers.commands import RETRAINING, UNTRUSTED, logged
from tests.helpers.outputs import document
from tests.helpers.project import QUICK, Project, declare

ROLES = {
    "label": "diabetes",
    "positive_class": 1,
    "negative_class": 0,
    "categorical": ["account"],
}
BOTH_WAYS = ("columns.ignore: [account]", "columns.known_in_time: [account]")


@pytest.fixture
def customers(project: Project) -> Project:
    """A project whose raw rows tell who left: nine of ten have an account that is closed."""
    rows, drawn = pd.read_csv(project.raw), np.random.default_rng(0)
    is_closed = drawn.random(len(rows)) < np.where(rows["diabetes"] == 1, 0.9, 0.01)
    rows["account"] = np.where(is_closed, "closed", drawn.choice(["new", "old"], len(rows)))
    rows.to_csv(project.raw, index=False)
    return project


@pytest.mark.long
def test_a_retraining_does_not_promote_a_leak_until_conf_says_that_it_is_none(
    customers: Project,
) -> None:
    # In conf of 0.1.0 this was a switch.
    quick, strict = (
        {**QUICK, "promotion": {**QUICK["promotion"], "refuse_possible_leaks": refuse}}
        for refuse in (False, True)
    )
    declare(customers, columns=ROLES, **quick)
    lines = logged(*RETRAINING, code=UNTRUSTED).splitlines()
    last = lines[-1]
    assert last.startswith("Rejected run ")
    # It is said where it was found, and at the end.
    found = [line for line in lines if "account (0.9" in line]
    assert found[1:] == [last]
    assert found[0].startswith("Possible leak, which alone tells")
    assert "possible leak, which alone tells the label, or tells much more about it" in last
    rejected = document(customers, "08_reporting/decision.json")
    failed = [check for check in rejected["judgement"]["checks"] if not check["passed"]]
    assert [check["name"] for check in failed] == ["data"]
    assert rejected["judgement"]["data"]["possible_leaks"].keys() == {"account"}
    page = (customers.path / "data/08_reporting/latest.html").read_text()
    headline = page.partition("<h2>")[0].partition("<main>")[2]
    for way in BOTH_WAYS:
        assert way in last
        assert way in headline
    assert "account (0.9" in headline.partition("</section>")[0]
    # A run without the gate warns in its verdict.
    verdict = document(customers, "08_reporting/verdict.json")
    assert verdict[0].startswith("Possible leak, which alone tells")
    train = customers.rows("train")
    for roles in ({"known_in_time": ["account"]}, {"ignore": ["account"], "categorical": []}):
        declare(customers, columns={**ROLES, **roles}, **strict)
        said = logged(*RETRAINING, "--params", "promotion.start_over=true")
        assert document(customers, "08_reporting/decision.json")["action"] == "promoted"
        assert "possible leak, alone" not in said
        if "known_in_time" in roles:
            assert customers.rows("train").equals(train)
            accepted = document(customers, "08_reporting/decision.json")["judgement"]["data"]
            assert accepted["split"] == rejected["judgement"]["data"]["split"]
    assert "known_in_time" not in json.dumps(rejected["parameters"])


@pytest.mark.long
def test_a_strong_feature_is_asked_about_twice_in_the_log_and_is_promoted(project: Project) -> None:
    rows, drawn = pd.read_csv(project.raw), np.random.default_rng(0)
    rows["score"] = (drawn.normal(size=len(rows)) + 3 * rows["diabetes"]).round(3)
    rows.to_csv(project.raw, index=False)
    roles = {**ROLES, "categorical": []}
    declare(project, columns=roles, **QUICK)
    lines = logged(*RETRAINING).splitlines()
    assert lines[-1].startswith("Promoted run ")
    warning, repeated = [line for line in lines if "score (0.9" in line]
    assert warning.startswith("Strong feature, perhaps a leak, which alone tells the label, or")
    assert warning.endswith("If known before the label: columns.known_in_time: [score]")
    assert repeated == f"Warning of this run: {warning}"
    decision = document(project, "08_reporting/decision.json")
    assert decision["judgement"]["data"]["possible_leaks"] == {}
    assert all(check["passed"] for check in decision["judgement"]["checks"])
    declare(project, columns={**roles, "known_in_time": ["score"]}, **QUICK)
    assert "score (" not in logged("run", "--pipelines", "data_processing")
