"""Whole runs on real files, with tiny settings."""

from tests.conftest import TINY, Project


def test_default_run(project: Project) -> None:
    project.run(**TINY)
    assert project.metrics()["data"]["rows"] == 768
