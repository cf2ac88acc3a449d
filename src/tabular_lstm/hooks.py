"""What a run does around its nodes: check names, know its run id, close with the verdict."""

import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation import ParameterValidationError

from tabular_lstm.environments import output_folder
from tabular_lstm.errors import DataError
from tabular_lstm.parameters import BLOCKS, unknown_name

logger = logging.getLogger(__name__)

SPLIT_OUTPUTS = {"train_rows", "test_rows", "data_summary"}


def check_parameters(parameters: dict[str, Any]) -> None:
    """Stop at a parameter that no node would read or no run could use, whatever is to run.

    Kedro checks only the blocks that the chosen pipelines read, and passes over others in silence.

    Raises:
        ParameterValidationError: Names each fault, and the closest known name of an unknown one.
    """
    faults = []
    for name, values in parameters.items():
        if name not in BLOCKS:
            faults.append(f"Parameter {unknown_name(name, list(BLOCKS))}")
            continue
        try:
            BLOCKS[name].model_validate(values)
        except ValueError as error:
            faults.append(f"Parameter '{name}': {error}")
    if faults:
        raise ParameterValidationError("\n".join(faults))


def refuse_to_start_halfway(pipeline: Pipeline, catalog: Any) -> None:
    """Stop where what an earlier pipeline should have left is not there, or not of one run.

    Raises:
        DataError: Names what is missing, or the runs that the rows come from.
    """
    needed = sorted(
        name for name in pipeline.inputs() - {"raw_rows"} if not name.startswith("params:")
    )
    if absent := [name for name in needed if not catalog.get(name).exists()]:
        raise DataError(
            f"{', '.join(absent)}: not there to start from. Add the pipeline that makes it, as in "
            "--pipelines reshaping,training (sequences and labels are kept in memory), or run all: "
            "kedro run."
        )
    runs = {
        name: catalog.get(name).resolve_load_version() for name in needed if name in SPLIT_OUTPUTS
    }
    if len(set(runs.values())) > 1:
        listed = ", ".join(f"{name} of {run}" for name, run in runs.items())
        raise DataError(
            f"The newest rows come from different runs: {listed}. Split them again: kedro run."
        )


@contextmanager
def muted_stderr() -> Iterator[None]:
    """Drop what is written to file descriptor 2, C++ libraries' output included."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class RunHooks:
    """Registered in settings.py; Kedro calls the methods."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters."""
        check_parameters(context.config_loader["parameters"])

    @hook_impl
    def after_catalog_created(
        self, catalog: CatalogProtocol[Any, Any], save_version: str | None
    ) -> None:
        """Give the nodes the run id: the stamp that Kedro puts on all versioned outputs."""
        if save_version is not None:
            catalog.save("run_id", save_version)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Open the log, import TensorFlow quietly, and refuse to start from what is not there.

        TensorFlow's notes on absent GPUs are written before its log level counts, and would
        open every cron mail.
        """
        env = run_params["env"]
        logger.info(
            "Run %s of environment %s, to %s/",
            run_params["run_id"],
            env or "base",
            output_folder(env),
        )
        if "candidate" in pipeline.datasets():
            with muted_stderr():
                importlib.import_module("tensorflow")
        refuse_to_start_halfway(pipeline, catalog)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Say which node runs."""
        logger.info("Running %s", node.name)

    @hook_impl
    def after_pipeline_run(self, run_result: dict[str, Any]) -> None:
        """Close the log with the verdict."""
        if "verdict" in run_result:
            for sentence in run_result["verdict"].load():
                logger.info(sentence)
