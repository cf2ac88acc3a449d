"""What a run was made of, beside its data: code, packages, commit, time."""

import hashlib
import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("kedro", "tensorflow", "keras", "numpy", "scipy", "pandas", "scikit-learn")
# Of these, none changes what is trained or how it is judged.
LEFT_OUT = {("promotion", "start_over"), ("promotion", "keep_candidates")}
BLOCKS_LEFT_OUT = {"retraining", "rollback"}


def provenance(project: Path) -> dict[str, Any]:
    """Describe the code that runs.

    Returns:
        `time` (UTC), `packages` with Python's version, `git_commit` of the project (None outside a
        repository; with "+" after it where files differ from it), and `code_sha256`: of this
        package's files and the packages' versions.
    """
    packages = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    digest = hashlib.sha256(json.dumps(packages).encode())
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(f"\n{path.relative_to(package).as_posix()}\n".encode() + path.read_bytes())
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "packages": packages,
        "git_commit": _git_commit(project),
        "code_sha256": digest.hexdigest(),
    }


def fingerprint(blocks: dict[str, Any], raw_rows: dict[str, Any]) -> str:
    """Hash the parameters and the way the raw rows are read, where they can change a decision.

    Args:
        blocks: The parameters' blocks, with their defaults filled in.
        raw_rows: The catalog's entry; its metadata are for Kedro-Viz and do not count.
    """
    used = {
        block: {name: value for name, value in values.items() if (block, name) not in LEFT_OUT}
        for block, values in blocks.items()
        if block not in BLOCKS_LEFT_OUT
    }
    read = {name: value for name, value in raw_rows.items() if name != "metadata"}
    content = json.dumps([used, read], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def _git_commit(project: Path) -> str | None:
    def git(*arguments: str) -> str:
        return subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=project,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
