"""The end of a tuning: log the result, and adopt it in conf.

Adopted parameters are in one file of the environment, `parameters_tuned.yml`, which only a tuning
writes. Kedro merges this file with the environment's other files, so no other file may have its
blocks.
"""

import json
import logging
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.context import KedroContext
from omegaconf import OmegaConf

from tabular_lstm.environments import run_command
from tabular_lstm.errors import DataError
from tabular_lstm.files import replace
from tabular_lstm.tuning.trials import BestParameters

logger = logging.getLogger(__name__)

FILE = "parameters_tuned.yml"
WRITTEN_BY = "# Written by kedro run --pipelines tuning"
BLOCKS = {"network", "training"}
READ = {".yml", ".yaml", ".json"}  # what Kedro reads of conf, with OmegaConf


def log_and_adopt(found: BestParameters, wanted: bool, context: KedroContext) -> None:
    """Log the best parameters; adopt them, see `adopt`, if that is wanted and they are better."""
    logger.info("%s", found.sentence())
    if not found.better:
        return
    if wanted:
        path = adopt(found, Path(context.config_loader.conf_source), context.env)
        command = f"{run_command(context.env)} --pipelines retraining"
        logger.info("Adopted in %s. The next retraining trains with it: %s", path, command)
    else:
        logger.info(
            "To adopt it in %s, without new trials: run this command again with "
            "--params tuning.adopt=true. The parameters: %s",
            *(FILE, json.dumps(found.model_dump(mode="json", include=BLOCKS))),
        )


def adopt(found: BestParameters, conf: Path, env: str | None) -> Path:
    """Write the blocks with the best parameters to the environment's file of tuned parameters.

    Without an environment, the file is written to `local`.

    Raises:
        DataError: The file was not written by a tuning, or the environment has these blocks in
            another file; nothing was written.
    """
    folder, blocks = conf / (env or "local"), found.model_dump(mode="json", include=BLOCKS)
    path = folder / FILE
    try:
        old = path.read_text() if path.exists() else WRITTEN_BY
        if not old.startswith(WRITTEN_BY):
            raise DataError(f"{path} was not written by a tuning; move it away")
        for file in sorted({*folder.rglob("parameters*"), *folder.glob("parameters*/**/*")}):
            if file != path and file.suffix in READ and not BLOCKS.isdisjoint(OmegaConf.load(file)):
                raise DataError(f"{file} has network or training already")
        written = f"run {found.run_id}: {found.loss} {found.best.log_loss:.4f}"
        replace(path, f"{WRITTEN_BY}, {written}\n\n{_yaml(blocks)}".encode())
    except (DataError, OSError) as error:
        by_hand = f"Not adopted: {error}. To do it by hand:", *_yaml(blocks).splitlines()
        raise DataError(*by_hand) from error
    return path


def _yaml(blocks: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(blocks, sort_keys=False, default_flow_style=None)
    return text
