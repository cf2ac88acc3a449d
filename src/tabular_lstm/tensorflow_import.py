"""Import TensorFlow without its notes on missing GPUs.

TensorFlow writes them before it reads its log level. Every cron mail would begin with them.
"""

import importlib
import os
import sys


def import_tensorflow() -> None:
    """Import TensorFlow; drop what it writes to file descriptor 2 during the import."""
    if "tensorflow" in sys.modules:
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        importlib.import_module("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
