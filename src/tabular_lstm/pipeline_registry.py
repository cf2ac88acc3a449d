"""All pipelines, and what `kedro run` runs."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

from tabular_lstm.pipelines.evaluation.pipeline import create_report_pipeline

DEFAULT = ("data_processing", "reshaping", "training", "evaluation")


def register_pipelines() -> dict[str, Pipeline]:
    """Find the pipelines; `__default__` leads from raw rows to metrics and a page.

    Returns:
        The pipelines by name. With `--pipelines X` Kedro finds only X, without `__default__`.
    """
    pipelines = find_pipelines(raise_errors=True)
    if "__default__" in pipelines:
        report = create_report_pipeline()
        pipelines["__default__"] = sum((pipelines[name] for name in DEFAULT), report)
    return pipelines
