"""TensorFlow imported as this package needs it.

- Without its notes on absent GPUs. It writes them before its log level counts, and they would open
  every cron mail.
- With an allocator that keeps memory for the next step. The C library's gives it back to the
  system, and to have it again takes up to two fifths of a step.
"""

import importlib
import os
import sys


def import_tensorflow() -> None:
    """Import TensorFlow; what is written to file descriptor 2 meanwhile is dropped."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        importlib.import_module("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
