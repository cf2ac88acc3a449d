"""Import TensorFlow without its notes on missing GPUs, in four fifths of the time.

TensorFlow writes them before it reads its log level. Every cron mail would begin with them.
"""

import gc
import importlib
import os
import sys
from importlib.util import find_spec

from tabular_lstm.errors import DataError


def refuse_without_tensorflow(subject: str) -> None:
    """Refuse what needs TensorFlow in an installation that only scores.

    Raises:
        DataError: TensorFlow is not installed. The error says what is refused and what to do.
    """
    if find_spec("tensorflow") is None:
        raise DataError(
            f"{subject} needs TensorFlow, which is not installed here: this installation only "
            "scores, monitors, rolls back and profiles. Train where TensorFlow is installed."
        )


def import_tensorflow(subject: str = "A Keras network") -> None:
    """Import TensorFlow; drop what it writes to file descriptor 2 during the import.

    Raises:
        DataError: It is not installed; the error says that the subject needs it.
    """
    if "tensorflow" in sys.modules:
        return
    refuse_without_tensorflow(subject)
    saved_stderr, null_device = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, 2)
    # The import makes a million objects and drops few of them: looking for these takes a fifth of
    # its time.
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module("tensorflow")
    finally:
        if is_collecting:
            gc.enable()
        os.dup2(saved_stderr, 2)
        os.close(saved_stderr)
        os.close(null_device)
