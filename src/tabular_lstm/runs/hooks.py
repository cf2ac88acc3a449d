"""What a run does around its nodes: check names, know its run id, close with what came of it."""

import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import AbstractVersionedDataset, CatalogProtocol
from kedro.io.core import Version
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation import ParameterValidationError

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import BLOCKS, Promotion, unknown_name
from tabular_lstm.runs import guards as unattended
from tabular_lstm.runs.environments import output_folder, run_command
from tabular_lstm.runs.lock import Lock
from tabular_lstm.runs.provenance import fingerprint, provenance

logger = logging.getLogger(__name__)

SPLIT_OUTPUTS = {"train_rows", "test_rows", "data_summary"}
# Read from outside, or found by looking.
GIVEN = {"raw_rows", "artifacts", "past_promotions", "past_decisions"}
GIVEN_BY_THE_RUN = {"candidate_artifact", "provenance"}


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


def refuse_to_start_halfway(pipeline: Pipeline, catalog: Any, whole: str) -> None:
    """Stop where what an earlier pipeline should have left is not there, or not of one run.

    Raises:
        DataError: Names what is missing, or the runs that the rows come from, and `whole`, the
            command that runs all.
    """
    given = GIVEN | GIVEN_BY_THE_RUN
    needed = sorted(name for name in pipeline.inputs() - given if not name.startswith("params:"))
    if absent := [name for name in needed if not catalog.get(name).exists()]:
        raise DataError(
            f"{', '.join(absent)}: not there to start from. Add the pipeline that makes it, as in "
            "--pipelines reshaping,training (sequences and labels are kept in memory), or run all: "
            f"{whole}."
        )
    runs = {
        name: catalog.get(name).resolve_load_version() for name in needed if name in SPLIT_OUTPUTS
    }
    if len(set(runs.values())) > 1:
        listed = ", ".join(f"{name} of {run}" for name, run in runs.items())
        raise DataError(
            f"The newest rows come from different runs: {listed}. Split them again: {whole}."
        )


def read_own_outputs(pipeline: Pipeline, catalog: Any, run_id: str) -> None:
    """Let a run load the versions that it saves itself, whatever another run saves meanwhile.

    Kedro loads the newest version that it finds.
    """
    for name in {*pipeline.all_outputs(), *pipeline.inputs() & GIVEN_BY_THE_RUN}:
        dataset = catalog.get(name)
        if isinstance(dataset, AbstractVersionedDataset) and dataset._version:
            dataset._version = Version(run_id, run_id)


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

    def __init__(self) -> None:
        self._lock: Lock | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters."""
        check_parameters(context.config_loader["parameters"])
        self._context = context

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
        """Open the log, refuse to start from what is not there, import TensorFlow quietly.

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
        if unattended.decides(pipeline):
            self._prepare_to_decide(run_params, pipeline, catalog)
        try:
            # Not before it is known to be needed: it takes seconds.
            if {"candidate", "artifacts"} & pipeline.datasets():
                with muted_stderr():
                    importlib.import_module("tensorflow")
            read_own_outputs(pipeline, catalog, run_params["run_id"])
            refuse_to_start_halfway(pipeline, catalog, run_command(env))
            if self._lock and unattended.retrains(pipeline):
                self._prune(pipeline, catalog)  # what failed runs left
        except BaseException:
            self._release()
            raise

    def _prepare_to_decide(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any
    ) -> None:
        """Take the lock, finish what was interrupted, and say what the run is made of.

        Raises:
            DataError: Another run has the lock; the champion is damaged; see `unattended`.
            NothingNewError: A retraining would repeat what was judged already.
        """
        unattended.refuse_parts(
            pipeline, run_params["only_missing_outputs"], run_command(run_params["env"])
        )
        project, loader = Path(run_params["project_path"]), self._context.config_loader
        folder = project / output_folder(run_params["env"])
        try:
            self._lock = Lock.take(folder / "retraining.lock", run_params["run_id"])
            parameters = {
                name: block.model_validate(loader["parameters"].get(name, {})).model_dump()
                for name, block in BLOCKS.items()
            }
            made_of = {
                **provenance(project),
                "environment": run_params["env"] or "base",
                "parameters": parameters,
                "parameters_sha256": fingerprint(parameters, loader["catalog"]["raw_rows"]),
            }
            catalog.save("provenance", made_of)
            start_over = parameters["promotion"]["start_over"]
            unattended.settle(catalog, pipeline, start_over)
            if unattended.retrains(pipeline):
                unattended.refuse_what_cannot_be_judged(parameters)
                inputs = {
                    "data": catalog.load("raw_rows").attrs.get("sha256", ""),
                    "parameters": made_of["parameters_sha256"],
                    "code": made_of["code_sha256"],
                }
                if not (parameters["retraining"]["force"] or start_over):
                    unattended.refuse_nothing_new(catalog.load("past_promotions"), inputs)
        except OSError as error:
            self._release()
            raise DataError(f"{error.filename or f'{folder}/'}: {error.strerror}") from error
        except BaseException:
            self._release()
            raise

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Say which node runs."""
        logger.info("Running %s", node.name)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Close the log with the verdict and, last, the decision; prune before it."""
        if "verdict" in pipeline.all_outputs():
            for sentence in catalog.load("verdict"):
                logger.info(sentence)
        if unattended.decides(pipeline):
            try:
                lines = catalog.load("past_promotions")
                if unattended.retrains(pipeline):
                    self._prune(pipeline, catalog)
                logger.info(unattended.last_words(lines[-1]))
            finally:
                self._release()

    @hook_impl
    def on_pipeline_error(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Say so where the run has decided before it failed; let the next run in."""
        try:
            if unattended.decides(pipeline):
                lines = catalog.load("past_promotions")
                if lines and lines[-1]["run_id"] == run_params["run_id"]:
                    logger.error(
                        "This run has decided all the same, and the next one that decides "
                        "finishes it. %s",
                        unattended.last_words(lines[-1]),
                    )
        finally:
            self._release()

    def _prune(self, pipeline: Pipeline, catalog: Any) -> None:
        kept = Promotion.model_validate(self._context.config_loader["parameters"]["promotion"])
        lines = catalog.load("past_promotions")
        unattended.prune(catalog, pipeline, lines, kept.keep_candidates, kept.keep_champions)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
