"""A run's id: the time when it began, UTC, to the millisecond, as Kedro names versions."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator

FORMAT = "%Y-%m-%dT%H.%M.%S.%fZ"


def is_run_id(name: str) -> bool:
    """Return whether the name of a folder is a run id.

    Examples:
        >>> is_run_id("2026-11-26T03.45.48.123Z"), is_run_id("../champion")
        (True, False)
    """
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z", name, re.ASCII) is not None


def began(run_id: str) -> datetime:
    """Return the time that a run id stands for."""
    return datetime.strptime(run_id, FORMAT).replace(tzinfo=UTC)


def next_run_id(run_id: str) -> str:
    """Return the run id of a millisecond later.

    Examples:
        >>> next_run_id("2026-12-31T23.59.59.999Z")
        '2027-01-01T00.00.00.000Z'
    """
    later = began(run_id) + timedelta(milliseconds=1)
    return f"{later.strftime(FORMAT)[:-4]}Z"


def by_age(runs: Iterable[str], timestamp: str) -> list[str]:
    """Sort run ids, the newest last; ids later than the timestamp count as the oldest.

    Such ids mean that their clock was ahead, or that the clock is behind now.

    Args:
        runs: Run ids.
        timestamp: The run id of a run that begins now.

    Examples:
        >>> runs = ["2025-01-01T00.00.00.000Z", "2036-01-01T00.00.00.000Z"]
        >>> by_age(runs, timestamp="2026-01-01T00.00.00.000Z")
        ['2036-01-01T00.00.00.000Z', '2025-01-01T00.00.00.000Z']
    """
    return sorted(runs, key=lambda run: (run <= timestamp, run))


def far_apart(first_run: str, second_run: str, least: timedelta) -> bool:
    """Return whether two runs began at least `least` apart, in either order."""
    return abs(began(first_run) - began(second_run)) > least


def _check_run_id(name: str) -> str:
    if not is_run_id(name):
        raise ValueError(f"expected a run id such as 2026-11-26T03.45.48.123Z, got {name[:60]!r}")
    return name


RunId = Annotated[str, AfterValidator(_check_run_id)]
