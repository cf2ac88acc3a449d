"""Programs that a run starts, and ends with whatever they started."""

import os
import signal
import subprocess


def kill(program: subprocess.Popen[bytes]) -> None:
    """End a program that was started in a session of its own, and whatever it started."""
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError):  # no groups on this system, or just ended
        program.kill()
    program.wait()
