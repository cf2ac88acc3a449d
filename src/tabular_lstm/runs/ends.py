"""How a run ended, as those are told who must know."""

from typing import Any, Literal

from tabular_lstm.frozen import Frozen
from tabular_lstm.parameters import Event


class RunEnd(Frozen):
    """The end of a run that decided, scored or failed.

    Attributes:
        event: What happened.
        environment: Of conf.
        run_id: Of the run; None where it failed before it had one.
        message: The last line of the run's log.
        decision: As `decision.json` has it, of a run that decided; otherwise None.
        manifest: As `manifest.json` has it, of a scoring; otherwise None.
    """

    project: Literal["tabular-lstm"] = "tabular-lstm"
    event: Event
    environment: str
    run_id: str | None
    message: str
    decision: dict[str, Any] | None = None
    manifest: dict[str, Any] | None = None
