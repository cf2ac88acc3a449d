"""Log the pipeline at work, and repeat the warnings before the end of a run."""

import logging

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

    def repeat_warnings(self) -> None:
        """Log the warnings again, for readers of the end of the log."""
        for warning in [*self._warnings]:
            logger.info("Warning of this run: %s", warning)
