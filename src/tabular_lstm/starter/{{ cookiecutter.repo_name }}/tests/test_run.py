"""The project runs: its conf is complete, and its rows can be read, learned and judged."""

from pathlib import Path

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

PROJECT = Path(__file__).parents[1]
QUICK = {"network": {"ensemble": {"members": 1}}, "training": {"epochs": 2}}


def test_a_run_ends_with_a_verdict() -> None:
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT, runtime_params=QUICK) as session:
        session.run()
        verdict = session.load_context().catalog.load("verdict")
    assert any("candidate" in sentence for sentence in verdict)
