"""How runs end: their severities, and the exit codes that tell a scheduler.

`conf/base` has the same numbers for an alarm and for untrusted data. The schedules in deploy/ have
them, too, because they do not import this package: cron/run, the services of systemd, and the
operator of Airflow. 2 is click's, for a faulty command line.
"""

from collections.abc import Collection
from typing import Annotated, Literal, get_args

from pydantic import Field, StrictInt

DONE = 0  # complete; a rejected candidate is a result too
FAILED = 1  # faulty data, conf, disk or champion; a scoring stopped by an alarm; a traceback
ALARM = 3  # complete, with an alarm: a notice
UNTRUSTED_DATA = 65  # check 1 of the gate rejects the data: EX_DATAERR of sysexits.h
INTERRUPTED = 130  # run-models, by Ctrl-C or SIGTERM
TRY_LATER = 75  # another run is at work, and this one has done nothing: EX_TEMPFAIL

# What conf may choose for an alarm or a rejection: no code with another meaning.
ExitCode = Literal[0] | Annotated[StrictInt, Field(ge=ALARM, lt=TRY_LATER)]

# The state of a model, worst first; up to `never run` it needs a person. A run by itself is never
# `damaged`, `stale` or `never run`. A model is `waiting` for its first champion while its labelled
# rows are too few or of one class.
Severity = Literal[
    "failed",
    "damaged",
    "stale",
    "untrusted data",
    "alarm",
    "never run",
    "waiting",
    "done",
    "locked",
]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
NEED_A_PERSON = SEVERITIES[: SEVERITIES.index("waiting")]


def worst_code(ends: Collection[tuple[Severity, int]]) -> int:
    """Return the exit code of several runs, each with its severity and exit code.

    It is the code of the most severe run whose code is not 0; the code of a waiting model counts as
    0. A locked run counts only if all runs were locked.

    Examples:
        >>> worst_code([("locked", 75), ("alarm", 4), ("untrusted data", 66), ("done", 0)])
        66
        >>> worst_code([("locked", 75), ("waiting", 0), ("done", 0)]), worst_code([("locked", 75)])
        (0, 75)
    """
    not_locked = [end for end in ends if end[0] != "locked"]
    codes = [(SEVERITIES.index(s), -code) for s, code in not_locked if code and s != "waiting"]
    if codes:
        return -min(codes)[1]
    return DONE if not_locked else TRY_LATER
