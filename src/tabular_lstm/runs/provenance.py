"""Record what a run depends on besides its data: code, packages, commit, time."""

import hashlib
import json
import os
import pwd
import socket
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tabular_lstm.code_version import code_sha256, packages
from tabular_lstm.environments import output_folder, run_command
from tabular_lstm.frozen import Parameters
from tabular_lstm.parameters import OF_RUNS
from tabular_lstm.parameters.runs import POSSIBLE_LEAKS
from tabular_lstm.runs.own_package import own_source
from tabular_lstm.serving.decision import Provenance

# Parameters that do not change the training or the judgement.
LEFT_OUT = {
    ("promotion", "start_over"),
    ("promotion", "keep_candidates"),
    ("promotion", "hold"),
    ("monitoring", "exit_on_alarm"),
}
# These blocks may hold addresses, so decisions do not contain them.
PRIVATE = {"notify", "mlflow", "storage"}


def provenance(
    run_id: str,
    project: Path,
    env: str | None,
    blocks: Mapping[str, Parameters],
    raw_rows: dict[str, Any],
) -> Provenance:
    """Describe what a run depends on, from its parameters and the catalog's entry `raw_rows`."""
    parameters = {
        n: block.model_dump(by_alias=True) for n, block in blocks.items() if n not in PRIVATE
    }
    return Provenance(
        run_id=run_id,
        time=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        user=_user(),
        host=socket.gethostname(),
        environment=env or "base",
        outputs=output_folder(env),
        run_command=run_command(env),
        packages=packages(),
        git_commit=_git_commit(project),
        code_sha256=code_sha256(),
        parameters=parameters,
        parameters_sha256=parameters_hash(parameters, raw_rows),
    )


def parameters_hash(blocks: dict[str, Any], raw_rows: dict[str, Any]) -> str:
    """Hash the parameters, and how the raw rows are read, as far as they can change a decision.

    The entry's metadata (for Kedro-Viz) and credentials do not count. `monitoring` counts only if
    an alarm stops a promotion; if it only warns, the hash is the same as without the block. A new
    version declares a new parameter with `unless`, so that the hash of an old conf stays. The
    source of a project's own package counts as a parameter, because a change of it may be meant
    to change the candidate.
    """
    stops = blocks.get("monitoring", {}).get("on_drift") == "stop"
    used = {
        block: {name: value for name, value in values.items() if (block, name) not in LEFT_OUT}
        for block, values in blocks.items()
        if block not in OF_RUNS or (block == "monitoring" and stops)
    }
    used = {block: values for block, values in used.items() if values}
    used["promotion"] |= {POSSIBLE_LEAKS: False}  # as in the hashes of versions that had it
    left_out = {"metadata", "credentials"}
    read = {name: value for name, value in raw_rows.items() if name not in left_out}
    content = json.dumps([used | own_source(), read], sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def _user() -> str:
    """Return the name of the process's user; a container's user may have only a number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "unknown"


def _git_commit(project: Path) -> str | None:
    """Return the commit, with + if tracked files differ from it."""
    name = "describe --always --exclude=* --abbrev=40 --dirty=+"
    command = ["git", "-C", str(project), *name.split()]
    try:
        return subprocess.check_output(  # noqa: S603
            command, stderr=subprocess.DEVNULL, text=True, timeout=60
        ).strip()
    except (OSError, subprocess.SubprocessError):
        return None
