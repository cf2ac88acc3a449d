"""A run whose outputs are on a disk with little space left."""

import subprocess
import sys

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
KEDRO = (sys.executable, "-m", "kedro")
UNSHARED = ("unshare", "--mount", "--map-root-user")


def on_a_small_disk(
    project: Project, free: int, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*UNSHARED, "sh", "-c", ON_A_SMALL_DISK, "", str(free), *KEDRO, *arguments],
        cwd=project.path,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
