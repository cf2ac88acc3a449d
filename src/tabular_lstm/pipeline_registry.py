"""All pipelines, and what `kedro run` runs."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

DEFAULT = ("data_processing", "reshaping", "training", "evaluation")


def register_pipelines() -> dict[str, Pipeline]:
    """Find the pipelines; `__default__` joins the four that lead from raw rows to metrics.

    Returns:
        The pipelines by name. With `--pipelines X` Kedro finds only X, without `__default__`.
    """
    pipelines = find_pipelines(raise_errors=True)
    if "__default__" in pipelines:
        pipelines["__default__"] = sum((pipelines[name] for name in DEFAULT), Pipeline([]))
    return pipelines
