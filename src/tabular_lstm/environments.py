"""The environments of conf: the folder of their outputs, and the command to run in them."""

import re
from pathlib import Path

from tabular_lstm.errors import DataError, unknown_name

# Not a path or a layer of data/ such as 01_raw; without characters that a shell interprets.
NAME = re.compile(r"(?!0\d_)\w[\w.-]*")
BASE = {None, "base", "local"}


def refuse_no_name(env: str | None, conf: str) -> None:
    """Refuse a name of an environment that a folder of outputs must not have.

    Raises:
        DataError: The name is a path, or has a character that is not allowed.
    """
    if env and not NAME.fullmatch(env):
        raise DataError(
            f"Environment {env!r}: expected the name of a folder in {conf}, with only letters, "
            "digits, '_', '-' and '.', and not a layer of data/ such as 01_raw."
        )


def refuse_unknown(env: str | None, conf: str) -> None:
    """Refuse an environment that has no folder in conf.

    Raises:
        DataError: See `refuse_no_name`; or there is no such folder. The error names a similar one.
    """
    refuse_no_name(env, conf)
    names = sorted(path.name for path in Path(conf).glob("*/"))  # none: conf is an archive
    if env and env not in BASE and names and env not in names:
        raise DataError(f"{conf}: environment {unknown_name(env, names)}")


def with_model(env: str | None, model: object) -> str | None:
    """Name one of an environment's models as an environment of its own: `stores/at`."""
    return env if model in (None, "") else f"{'base' if env in BASE else env}/{model}"


def output_folder(env: str | None) -> str:
    """Return the folder of the outputs of an environment, or of one of its models.

    Examples:
        >>> output_folder(None)
        'data'
        >>> output_folder("tutorial"), output_folder("stores/at")
        ('data/tutorial', 'data/stores/at')
    """
    return "data" if env in BASE else f"data/{env}"


def run_command(env: str | None) -> str:
    """Return the command to run in an environment, for messages with a command to copy.

    Examples:
        >>> run_command(None), run_command("nightly")
        ('kedro run', 'kedro run --env nightly')
        >>> run_command("stores/at")
        'kedro run --env stores --params model=at'
    """
    env, _, model = (env or "base").partition("/")
    command = "kedro run" if env in BASE else f"kedro run --env {env}"
    return f"{command} --params model={model}" if model else command
