"""Kedro's hooks: guards before the nodes; log lines, MLflow and notifications after them."""

import contextlib
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.io.core import generate_timestamp
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from tabular_lstm import __version__
from tabular_lstm.datasets.kedro_private import folder_of_versions, unsaved, use_own_version
from tabular_lstm.datasets.tables import own_entry
from tabular_lstm.engine import Engine
from tabular_lstm.environments import output_folder, run_command, with_model
from tabular_lstm.errors import DataError, printable
from tabular_lstm.files import FULL, not_written
from tabular_lstm.parameters.runs import Event
from tabular_lstm.runs import guards, notify
from tabular_lstm.runs.kept_outputs import KeptOutputs
from tabular_lstm.runs.lock import Lock, claim_run_id
from tabular_lstm.runs.models import (
    EXIT_CODE,
    OUTCOME,
    refuse_other_model,
    warn_of_rows_of_no_model,
)
from tabular_lstm.runs.output_folders import prune, renew_latest
from tabular_lstm.runs.provenance import provenance
from tabular_lstm.serving.champion import refuse_other_task
from tabular_lstm.serving.manifest import read_manifest
from tabular_lstm.serving.promotion_log import LOG
from tabular_lstm.serving.row_scoring import sentence_of_scoring
from tabular_lstm.tensorflow_import import refuse_without_tensorflow

# Run log ------------------------------------------------------------------------------------------

logger = logging.getLogger(__name__)


class RunLog(logging.Handler):
    """Collects each warning of this project once, while the log is open."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._warnings: dict[str, None] = {}
        self._part = ""

    def __enter__(self) -> "RunLog":
        logging.getLogger("tabular_lstm").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("tabular_lstm").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning."""
        self._warnings[record.getMessage()] = None

    def node(self, name: str) -> None:
        """Log the pipeline of a node if it differs from the node before."""
        part, self._part = self._part, name.partition(".")[0]
        logger.log(logging.DEBUG if part == self._part else logging.INFO, "Running %s", name)

    def repeat_warnings(self, verdict: Sequence[str], last_line: str) -> None:
        """Log the warnings once more, for readers of the end of the log, and the verdict.

        What the last line says is not repeated; it may begin a warning with a small letter.
        """
        repeated = [warning for warning in self._warnings if warning[1:] not in last_line]
        lines = [f"Warning of this run: {warning}" for warning in repeated]
        for line in [*lines, *(sentence for sentence in verdict if sentence not in self._warnings)]:
            logger.info("%s", line)


# Hooks --------------------------------------------------------------------------------------------

STARTS = "tabular-lstm %s: run %s of environment %s, to %s/"
# Key of click's `meta`: the function that notifies of the run's end.
NOTIFY = "tabular_lstm.notify"


def _saved_by(pipeline: Pipeline) -> set[str]:
    """Return the entries that a run saves, with all their transcoded names (`…@file`)."""
    saved = {name.partition("@")[0] for name in pipeline.all_outputs()}
    return {name for name in pipeline.datasets() if name.partition("@")[0] in saved}


class RunHooks:
    """The project's hooks; Kedro calls the methods."""

    def __init__(self) -> None:
        self._run_id = ""
        self._until_end = contextlib.ExitStack()  # locks and workers

    @property
    def _env(self) -> str | None:
        """The environment, with the model's name if the run is of one of its models."""
        model = self._context.config_loader.runtime_params.get("model")
        return with_model(self._context.env, model)

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Check all parameters, and tell the command how to notify of the run's end."""
        self._context, self._run_id = context, ""
        if command := click.get_current_context(silent=True):
            command.meta[NOTIFY] = self.notify
            command.call_on_close(self.end)  # after Ctrl-C too, for which Kedro calls no hook
        loader = context.config_loader
        self._parameters = guards.check_parameters(loader["parameters"], loader.runtime_params)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]
    ) -> None:
        """Open the log; refuse missing inputs, and a partial run that would decide."""
        if "session_id" in run_params:  # of a KedroServiceSession; no other session has one
            raise DataError(guards.NO_SERVER)
        self.end()  # a notebook's run that Ctrl-C ended
        refuse_other_model(self._context.config_loader, self._env, pipeline)
        if "candidate@network" in pipeline.datasets():
            refuse_without_tensorflow("Training")
        env, relative_outputs = self._env, output_folder(self._env)
        self._outputs = folder = Path(run_params["project_path"]) / relative_outputs
        loader, storage = self._context.config_loader, self._parameters["storage"]
        pins = run_params["load_versions"] or {}
        self._kept = kept_outputs = KeptOutputs.of(storage, loader, folder, relative_outputs)
        self._run_id = claim_run_id(folder / ".runs", run_params["run_id"])
        self._log = self._until_end.enter_context(RunLog())
        try:
            if kept_outputs:
                self._run_id = kept_outputs.claim(self._run_id)
            catalog.save("run_id", self._run_id)
            logger.info(STARTS, __version__, self._run_id, env or "base", relative_outputs)
            guards.refuse_pins_that_do_not_count(pipeline, catalog, pins)
            path_parameters = guards.OF_THE_CATALOG & pipeline.inputs() & {*loader.runtime_params}
            guards.refuse_other_paths(
                loader.runtime_params,
                {parameter: self._entry(parameter) for parameter in path_parameters},
            )
            warn_of_rows_of_no_model(loader, catalog, pipeline)
            engine = contextlib.closing(Engine(self._parameters["engine"]))
            catalog.save("engine", self._until_end.enter_context(engine))
            if not pipeline.inputs().isdisjoint({"provenance", "data_summary"}):
                project, raw_rows = Path(run_params["project_path"]), self._entry("raw_rows")
                catalog.save("provenance", provenance(project, env, self._parameters, raw_rows))
            if guards.decides(pipeline):
                self._prepare_to_decide(run_params, pipeline, catalog)
            elif kept_outputs:
                kept_outputs.pull(catalog, pipeline, self._parameters, pins)
            if guards.scores(pipeline):
                self._prepare_to_score(run_params, pipeline, catalog)
            for name in _saved_by(pipeline):
                use_own_version(catalog.get(name), self._run_id)
            guards.refuse_other_run(pipeline, catalog, run_command(env))
            if guards.decides(pipeline) and guards.retrains(pipeline):
                log, promotion = catalog.load("champions").log, self._parameters["promotion"]
                prune(catalog, pipeline, log, promotion, self._run_id, kept_outputs)
        except BaseException as error:
            (folder / ".runs" / self._run_id).unlink(missing_ok=True)  # it wrote nothing
            self.end()
            if isinstance(error, guards.NothingNewError):
                message = printable(f"Unchanged: {error}")
                self._close("unchanged", message, error.alarm, error.exit_code)
            raise

    def _entry(self, name: str) -> dict[str, Any]:
        return own_entry(self._context.config_loader["catalog"][name])

    def _prepare_to_decide(self, run_params: Any, pipeline: Pipeline, catalog: Any) -> None:
        """Take the lock, check the champion, and add the run's provenance."""
        env, blocks = self._env, self._parameters
        guards.refuse_parts(pipeline, run_params["only_missing_outputs"], run_command(env))
        folder = self._outputs
        try:
            lock = Lock.take(folder / "retraining.lock", self._run_id)
            self._until_end.callback(lock.release)
            if self._kept:
                self._kept.pull(catalog, pipeline, blocks, {})
                catalog.get("promotions").commit = self._kept.commit
            start_over = blocks["promotion"].start_over
            guards.check_champion(catalog, pipeline, start_over)
            champions, timestamp = catalog.load("champions"), generate_timestamp()
            if not self._kept:  # with storage, the log is the newest
                guards.check_newest(champions, folder / LOG, timestamp, refused=not start_over)
            if guards.retrains(pipeline):
                guards.warn_of_another_environment(champions, env)
                guards.refuse_what_cannot_be_judged(blocks["split"], blocks["network"])
                if not start_over:
                    guards.refuse_lost_log(champions, folder / LOG, run_command(env))
                    raw_rows = catalog.load("raw_rows")
                    guards.refuse_lost_features(champions, raw_rows, blocks["columns"])
                if not (blocks["retraining"].force or start_over):
                    data = catalog.load("raw_rows").sha256()
                    inputs = catalog.load("provenance").inputs(data)
                    guards.refuse_nothing_new(champions, inputs, blocks["retraining"])
        except OSError as error:
            raise not_written(error, folder) from error

    def _prepare_to_score(self, run_params: Any, pipeline: Pipeline, catalog: Any) -> None:
        """Delete what killed scorings left, pin the champion, and check whether anything is new."""
        command = run_command(self._env)
        guards.refuse_parts_of_scoring(pipeline, run_params["only_missing_outputs"], command)
        self._until_end.enter_context(guards.clear_unfinished(catalog))
        catalog.get("predictions@manifest").run_id = self._run_id
        champion = catalog.get("champion").pin()
        refuse_other_task(champion, self._parameters["columns"], command)
        champions, timestamp = catalog.load("champions"), generate_timestamp()
        if not self._kept:
            guards.check_newest(champions, self._outputs / LOG, timestamp, refused=False)
        guards.warn_of_another_environment(champions, self._env)
        conditions = guards.conditions(self._parameters, self._entry("rows_to_score"))
        catalog.save("scoring_conditions", conditions)
        if not self._parameters["scoring"].force:
            inputs = catalog.load("rows_to_score").hashes(self._parameters["columns"].key)
            stops = self._parameters["monitoring"].on_drift == "stop"
            if self._kept is None or self._kept.pull_scoring_like(
                catalog,
                guards.VERSIONED,
                lambda manifest: manifest.same_as(inputs, champion.sha256, conditions),
            ):
                guard = guards.refuse_scored_before
                guard(catalog, inputs, champion, conditions, stops, timestamp)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Log which node runs."""
        self._log.node(node.name)

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol[Any, Any]) -> None:
        """Notify and mirror; then close the log with the verdict and, last, the decision."""
        try:
            level = logging.DEBUG if guards.decides(pipeline) else logging.INFO
            if self._kept:
                self._kept.push()
            renew_latest(catalog, pipeline, self._run_id, level, self._kept)
            report = folder_of_versions(catalog.get("report"))
            file = report and report / self._run_id / report.name
            decision = catalog.load("decision") if guards.decides(pipeline) else None
            message = printable(decision.closing_line(str(file))) if decision else ""
            verdict = catalog.load("verdict") if "verdict" in pipeline.all_outputs() else []
            if decision or verdict:
                self._log.repeat_warnings(verdict, message)
            if "report" in pipeline.outputs():  # no decision is made of it
                logger.info("Report: %s", file)
                logger.info(
                    "This run decided nothing. To decide: %s --pipelines retraining",
                    run_command(self._env),
                )
            if decision:
                if decision.action == "promoted":
                    logger.info("It passed the gate: %s", decision.reason)
                self._mirror(catalog)
                code = decision.exit_code(self._parameters["retraining"])
                document = decision.model_dump(mode="json")
                self._close(decision.action, message, decision.alarm, code, decision=document)
            if guards.scores(pipeline):
                summary = sentence_of_scoring(catalog.load("scoring_summary"))
                folder = guards.folder_of(catalog) / self._run_id
                manifest = read_manifest(folder).model_dump(mode="json")
                message = printable(f"{summary} Predictions: {folder}")
                alarm = catalog.load("scoring_drift").alarm
                self._close("scored", message, alarm, manifest=manifest)
            if "health" in pipeline.all_outputs():
                health = catalog.load("health")
                if health.alarm:
                    self._close("alarm", health.sentence(), health.closing_line())
                else:
                    logger.info(health.sentence())
        finally:
            self.end()

    @hook_impl(trylast=True)
    def on_pipeline_error(self, error: Exception, catalog: CatalogProtocol[Any, Any]) -> None:
        """Release the lock; name a file that could not be written, because Kedro does not.

        Raises:
            DataError: Names the file.
        """
        self.end()
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, DataError | OSError):
            cause = cause.__cause__
        name = unsaved(error)
        if not isinstance(cause, OSError) or not (name or cause.errno in FULL):
            return
        # A node's temporary file is gone with the run.
        path = Path(name or tempfile.gettempdir())
        if name and (folder := folder_of_versions(catalog.get(name))):
            path = folder / self._run_id / folder.name
        raise DataError(f"{not_written(cause, path)} What serves is as it was.") from error

    def _close(
        self, event: Event, message: str, alarm: str | None, exit_code: int = 0, **document: Any
    ) -> None:
        """Notify, and log an alarm, then the end; an alarm's exit code gives way to `exit_code`."""
        alarm_line = printable(f"ALARM: {alarm}") if alarm else ""
        self.notify(event, f"{message} {alarm_line}".rstrip(), alarm=bool(alarm), **document)
        if alarm:
            logger.warning(alarm_line)
            exit_code = exit_code or self._parameters["monitoring"].exit_on_alarm
        logger.info(message)
        if command := click.get_current_context(silent=True):
            command.meta[EXIT_CODE], command.meta[OUTCOME] = exit_code, event

    def notify(
        self, event: Event, message: str, alarm: bool = False, **document: dict[str, Any]
    ) -> None:
        """Notify that the run ended; the document is `decision` or `manifest`.

        An end with an alarm is notified once: as `alarm` if conf lists this event, else as the
        event without the alarm.
        """
        context = self._context
        options, credentials = notify.read(context.config_loader)
        end = notify.RunEnd(
            event="alarm" if alarm and "alarm" in options.events else event,
            environment=self._env or "base",
            run_id=self._run_id or None,
            message=message,
            **document,
        )
        notify.notify(end, options, credentials, context.project_path)

    def _mirror(self, catalog: Any) -> None:
        """Mirror to MLflow before the lock is released, so that decisions arrive in order."""
        options = self._parameters["mlflow"]
        if options.tracking_uri is None:
            return
        from tabular_lstm.runs import tracking  # noqa: PLC0415

        _, credentials = notify.read(self._context.config_loader)
        folders = {name: folder_of_versions(catalog.get(name)) for name in tracking.MIRRORED}
        versions = {name: folder for name, folder in folders.items() if folder}
        log, context = catalog.load("champions").log, self._context
        tracking.mirror(options, credentials, context.project_path, self._env, log, versions)

    def end(self) -> None:
        """Release the locks, and end the workers."""
        self._until_end.close()
