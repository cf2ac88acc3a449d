"""All pipelines, and what `kedro run` runs."""

from importlib import import_module

from kedro.pipeline import Pipeline

from tabular_lstm.datasets.kedro_private import requested_pipelines
from tabular_lstm.runs.own_package import packages_of_pipelines

DEFAULT = ("data_processing", "reshaping", "training", "evaluation")


def register_pipelines() -> dict[str, Pipeline]:
    """Find the pipelines; `__default__` leads from raw rows to metrics and a page.

    They are this package's and those of the project's own package, each a folder in `pipelines`
    with `create_pipeline`. An own pipeline cannot replace one of this package: `kedro run` would
    run it, but a retraining would not.

    Returns:
        The pipelines by name. With `--pipelines X` only X is imported, without `__default__`.

    Raises:
        DataError: Both packages have a pipeline of the same name.
    """
    requested = requested_pipelines() or ["__default__"]
    pipelines: dict[str, Pipeline] = {
        name: import_module(f"{package}.pipelines.{name}").create_pipeline()
        for name, package in packages_of_pipelines().items()
        if name in requested or "__default__" in requested
    }
    if "__default__" in requested:
        # Imported here, because other runs do not need it.
        from tabular_lstm.pipelines.evaluation.pipeline import (  # noqa: PLC0415
            create_report_pipeline,
        )

        report = create_report_pipeline()
        pipelines["__default__"] = sum((pipelines[name] for name in DEFAULT), report)
    return pipelines
