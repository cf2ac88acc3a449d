"""The engine of a run: given to the nodes, and closed when the run has ended."""

from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol

from tabular_lstm import parameters
from tabular_lstm.engine import Engine


class EngineHooks:
    """Registered in settings.py; Kedro calls the methods."""

    _engine: Engine | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note where the parameters are."""
        self._context = context

    @hook_impl
    def before_pipeline_run(self, catalog: CatalogProtocol[Any, Any]) -> None:
        """Give the engine to the nodes.

        Raises:
            DataError: It is of an extra that is not installed.
        """
        self.end()  # Kedro tells nobody of an interruption
        given = self._context.config_loader["parameters"].get("engine", {})
        self._engine = Engine(parameters.Engine.model_validate(given))
        catalog.save("engine", self._engine)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Close it."""
        self.end()

    on_pipeline_error = after_pipeline_run

    def end(self) -> None:
        """End the workers that were started."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
