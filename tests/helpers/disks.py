"""A disk with little space left: under the outputs of a run, or as this process meets it."""

import contextlib
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.helpers.commands import message_of
from tests.helpers.project import Project

# In namespaces of its own, which end with the process: data/ on a disk in memory with so many KiB
# left, and afterwards as that disk was.
ON_A_SMALL_DISK = """
set -e
mkdir disk
mount -t tmpfs tmpfs disk
cp -a data/. disk
mount -o remount,size=$(( $(du -sk disk | cut -f 1) + $1 ))k disk
mount --bind disk data
shift
code=0
"$@" || code=$?
umount data
cp -a disk/. data
exit $code
"""
# As TMPDIR, with so many KiB.
FOR_TEMPORARY_FILES = """
set -e
mkdir -p tmp
mount -t tmpfs -o size=$1k tmpfs tmp
shift
TMPDIR="$PWD/tmp" exec "$@"
"""
UNSHARED = ("unshare", "--mount", "--map-root-user")


def on_a_small_disk(
    project: Project, free: int, *arguments: str, program: str = ON_A_SMALL_DISK
) -> subprocess.CompletedProcess[str]:
    command = [*UNSHARED, "sh", "-c", program, "", str(free), sys.executable, "-m", "kedro"]
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 300}
    return subprocess.run([*command, *arguments], cwd=project.path, check=False, **options)


def assert_no_space(finished: subprocess.CompletedProcess[str], file: str) -> None:
    """Check that a run ended by one line: the file, the cause, what to do; and none of Kedro's."""
    message = message_of(finished)
    assert file in message
    assert "File too large" in message or "No space left on device" in message, message
    assert "Free some space there, and run the command again." in message
    assert "\n" not in message
    assert "dataset" not in message


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handled)
