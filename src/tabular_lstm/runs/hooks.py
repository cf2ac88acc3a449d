"""Kedro's hooks, called around the nodes: guards before; log lines, pruning, the lock after."""

import logging
import os
from pathlib import Path
from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from tabular_lstm.datasets import RawCSVDataset
from tabular_lstm.datasets.kedro_private import folder_of_versions, use_own_version
from tabular_lstm.environments import output_folder, run_command
from tabular_lstm.errors import DataError
from tabular_lstm.parameters import Event
from tabular_lstm.runs import guards, latest, notify, scoring
from tabular_lstm.runs.ends import RunEnd
from tabular_lstm.runs.lock import Lock
from tabular_lstm.runs.provenance import provenance
from tabular_lstm.runs.pruning import prune, warn_of_later_runs, warned_of
from tabular_lstm.runs.registry import Registry
from tabular_lstm.serving.manifest import read_manifest
from tabular_lstm.serving.promotion_log import closing_line

logger = logging.getLogger(__name__)

# Where a command finds, among click's `meta`, how to tell of the end of its run.
TELL = "tabular_lstm.tell"
# And the exit code, where it is not 0.
EXIT_CODE = "tabular_lstm.exit_code"


def _produced(pipeline: Pipeline) -> set[str]:
    """Name the entries that a run saves, under each of their transcoded names (`…@file`)."""
    saved = {name.partition("@")[0] for name in pipeline.all_outputs()}
    return {name for name in pipeline.datasets() if name.partition("@")[0] in saved}


class RunHooks:
    """Registered in settings.py; Kedro calls the methods."""

    def __init__(self) -> None:
        self._run_id = ""
        self._lock: Lock | None = None
        self._registered: int | None = None
        self._recorded: dict[str, Any] | None = None  # the decision of a run that then failed

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters; let the command know whom it can ask to tell of the run's end."""
        self._context, self._run_id, self._recorded = context, "", None
        if command := click.get_current_context(silent=True):
            command.meta[TELL] = self.tell
        loader = context.config_loader
        self._parameters = guards.check_parameters(loader["parameters"], loader.runtime_params)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Open the log; refuse to start from what is not there, or to decide in part of a run."""
        self.end()  # Kedro tells nobody of an interruption, after which a notebook goes on
        env = run_params["env"]
        self._registry = Registry(Path(run_params["project_path"]) / output_folder(env) / ".runs")
        self._register(run_params["run_id"])
        # Kedro's own, but where another run began in the same millisecond.
        catalog.save("run_id", self._run_id)
        where = output_folder(env)
        logger.info("Run %s of environment %s, to %s/", self._run_id, env or "base", where)
        try:
            if guards.decides(pipeline):
                self._prepare_to_decide(run_params, pipeline, catalog)
            if scoring.scores(pipeline):
                self._prepare_to_score(run_params, pipeline, catalog)
            for name in _produced(pipeline):
                use_own_version(catalog.get(name), self._run_id)
            guards.start_from_the_newest(pipeline, catalog, generate_timestamp())
            guards.refuse_to_start_halfway(pipeline, catalog, run_command(env))
            if guards.decides(pipeline) and guards.retrains(pipeline):
                with warned_of(self._registry):
                    warn_of_later_runs(self._registry, generate_timestamp())
                    self._prune(pipeline, catalog)  # what failed runs left
        except BaseException as end:
            if isinstance(end, guards.NothingNewError) and guards.decides(pipeline):
                self._mirror(catalog)  # what an earlier run could not bring there
            if self._registered is not None:  # it wrote nothing
                self._registry.leave(self._run_id)
            self.end()
            raise

    def _prepare_to_decide(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any
    ) -> None:
        """Take the lock, finish what was interrupted, and say what the run is made of.

        Raises:
            DataError: Another run has the lock; the champion is damaged; see `guards`.
            NothingNewError: A retraining would repeat what was judged already.
        """
        env, blocks = run_params["env"], self._parameters
        guards.refuse_parts(pipeline, run_params["only_missing_outputs"], run_command(env))
        project = Path(run_params["project_path"])
        folder = project / output_folder(env)
        try:
            self._lock = Lock.take(folder / "retraining.lock", self._run_id)
            raw_entry = self._context.config_loader["catalog"]["raw_rows"]
            made_of = provenance(project, env, blocks, raw_entry)
            catalog.save("provenance", made_of)
            self._settle(catalog, pipeline)
            if guards.retrains(pipeline):
                guards.refuse_what_cannot_be_judged(blocks["split"], blocks["network"])
                if not (blocks["retraining"].force or self._start_over):
                    raw_rows = catalog.get("raw_rows")
                    # Another dataset than the project's is refused when its rows are validated.
                    data = raw_rows.sha256() if isinstance(raw_rows, RawCSVDataset) else ""
                    log = catalog.load("past_promotions")
                    guards.refuse_nothing_new(log, made_of.inputs(data))
        except OSError as error:
            raise DataError(f"{error.filename or f'{folder}/'}: {error.strerror}") from error

    def _prepare_to_score(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any
    ) -> None:
        """Clear what a killed scoring left, pin the champion, and see whether anything is new.

        Raises:
            DataError: It is no whole scoring; or there is no champion, or no rows.
            NothingNewError: The scoring would repeat another one.
        """
        command = run_command(run_params["env"])
        scoring.refuse_parts(pipeline, run_params["only_missing_outputs"], command)
        with warned_of(self._registry):
            scoring.clear_unfinished(catalog, self._registry)
        champion = catalog.get("champion").pin()
        entries = self._context.config_loader["catalog"]
        conditions = scoring.conditions(self._parameters, entries["rows_to_score"])
        catalog.save("scoring_conditions", conditions)
        if not self._parameters["scoring"].force:
            inputs = catalog.get("rows_to_score").hashes()
            now = generate_timestamp()
            scoring.refuse_scored_before(catalog, inputs, champion, conditions, now)
        scoring.warn_of_other_marks(champion.scorer.schema.marks, entries)

    def _settle(self, catalog: Any, pipeline: Pipeline) -> None:
        """Finish what an earlier run was stopped in, and check the champion.

        Raises:
            DataError: The promotion log does not chain; or the champion's file is damaged, or the
                log does not know it. A rollback and a retraining that starts over mend the file,
                and go on.
        """
        store = catalog.get("champion").store
        if not store.exists():
            return
        try:
            store.settle()
        except DataError as error:
            if guards.retrains(pipeline) and not self._start_over:
                raise
            logger.warning("%s", error)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Say which node runs."""
        logger.info("Running %s", node.name)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Close the log with verdict and, last, decision; prune, tell and track before it."""
        try:
            latest.renew(pipeline, catalog, self._run_id)
            if "verdict" in pipeline.all_outputs():
                for sentence in catalog.load("verdict"):
                    logger.info(sentence)
            if guards.decides(pipeline):
                decided = catalog.load("past_promotions")[-1]
                if guards.retrains(pipeline):
                    self._prune(pipeline, catalog)
                decision = catalog.load("decision").model_dump(mode="json")
                self.tell(decided.action, closing_line(decided), decision=decision)
                self._mirror(catalog)
                logger.info(closing_line(decided))
                if decided.action == "rejected":
                    self._exit_with(self._parameters["retraining"].exit_on_rejection)
            if scoring.scores(pipeline):
                said = catalog.load("scoring_summary").sentence()
                folder = scoring.folder_of(catalog, self._run_id)
                manifest = read_manifest(folder).model_dump(mode="json")
                message = f"{said} Predictions: {folder}"
                self.tell("scored", message, manifest=manifest)
                logger.info(message)
        finally:
            self.end()

    @hook_impl
    def on_pipeline_error(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Say so where the run has decided before it failed; let the next run in.

        Who is told of the failure gets the decision with it.
        """
        try:
            if guards.decides(pipeline):
                log = catalog.load("past_promotions")
                if log and log[-1].run_id == self._run_id:
                    logger.error(
                        "The decision is recorded although this run failed; the next retraining or "
                        "rollback finishes it. %s",
                        closing_line(log[-1]),
                    )
                    self._recorded = catalog.load("decision").model_dump(mode="json")
        finally:
            self.end()

    def _exit_with(self, code: int) -> None:
        if command := click.get_current_context(silent=True):
            command.meta[EXIT_CODE] = code

    def tell(
        self,
        event: Event,
        message: str,
        decision: dict[str, Any] | None = None,
        manifest: dict[str, Any] | None = None,
    ) -> None:
        """Tell whoever is to be told how the run ended.

        Args:
            event: What happened.
            message: The last line of the run's log.
            decision: As `decision.json` has it. Default: what the run recorded before it failed.
            manifest: As `manifest.json` has it.
        """
        context = self._context
        end = RunEnd(
            event=event,
            environment=context.env or "base",
            run_id=self._run_id or None,
            message=message,
            decision=decision or self._recorded,
            manifest=manifest,
        )
        whom, credentials = notify.read(context.config_loader)
        notify.tell(end, whom, credentials, context.project_path)

    def _mirror(self, catalog: Any) -> None:
        """Let MLflow know, before the lock is released: decisions reach it in their order."""
        wanted = self._parameters["mlflow"]
        if wanted.tracking_uri is None:
            return
        from tabular_lstm.runs import tracking  # noqa: PLC0415

        _, credentials = notify.read(self._context.config_loader)
        folders = {name: folder_of_versions(catalog.get(name)) for name in tracking.MIRRORED}
        tracking.mirror(
            wanted,
            credentials,
            self._context.project_path,
            self._context.env,
            catalog.load("past_promotions"),
            {name: folder for name, folder in folders.items() if folder},
        )

    @property
    def _start_over(self) -> bool:
        return bool(self._parameters["promotion"].start_over)

    def _prune(self, pipeline: Pipeline, catalog: Any) -> None:
        log, promotion = catalog.load("past_promotions"), self._parameters["promotion"]
        now = generate_timestamp()
        with warned_of(self._registry):
            left = scoring.unfinished(catalog)
            prune(catalog, pipeline, log, promotion, self._registry, now, self._run_id, left)

    def _register(self, run_id: str) -> None:
        """Let no other run prune this one while it is at work, and later ones when it is old."""
        self._run_id = run_id
        try:
            self._run_id, self._registered = self._registry.enter(run_id)
        except OSError as error:
            logger.warning(
                "%s: %s. This run is not registered, so that its outputs are never pruned",
                self._registry.folder,
                error.strerror,
            )

    def end(self) -> None:
        """Let the next run in."""
        if self._registered is not None:
            os.close(self._registered)
            self._registered = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None
