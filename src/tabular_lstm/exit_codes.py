"""The exit codes of the commands: what each one tells a scheduler.

`conf/base` has the same numbers for an alarm and for untrusted data. The schedules in deploy/ have
them, too, because they do not import this package: cron/run, the services of systemd, and the
operator of Airflow. 2 is click's, for a faulty command line.
"""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field, StrictInt

DONE = 0  # complete; a rejected candidate is a result too
FAILED = 1  # data, conf, disk or champion; a scoring that an alarm stopped; a traceback
ALARM = 3  # complete, with an alarm: a notice
UNTRUSTED_DATA = 65  # check 1 of the gate rejects the data: EX_DATAERR of sysexits.h
TRY_LATER = 75  # another run is at work, and this one has done nothing: EX_TEMPFAIL

# What conf may choose for an alarm or a rejection: no code with another meaning.
ExitCode = Literal[0] | Annotated[StrictInt, Field(ge=ALARM, lt=TRY_LATER)]


def worst_code(codes: Collection[int]) -> int:
    """Return the exit code of several runs: the first of 1, 65, any other, 3 and 0 that occurred.

    Examples:
        >>> worst_code({0, 3, 75}), worst_code({3, 65, 75})
        (75, 65)
    """
    rank = {FAILED: 4, UNTRUSTED_DATA: 3, ALARM: 1, DONE: 0}
    return max(codes, key=lambda code: (rank.get(code, 2), code))
