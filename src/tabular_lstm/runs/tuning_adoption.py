"""The end of a tuning: log the result, and adopt it in conf.

Adopted parameters are a file of the environment, `parameters_tuned.yml`. Kedro merges it with the
environment's other files, so no other file may have its blocks.
"""

import json
import logging
from pathlib import Path

import yaml
from kedro.framework.context import KedroContext
from omegaconf import OmegaConf

from tabular_lstm.environments import run_command
from tabular_lstm.errors import DataError
from tabular_lstm.files import not_written, replace
from tabular_lstm.tuning.trials import BestParameters

logger = logging.getLogger(__name__)

FILE = "parameters_tuned.yml"
BLOCKS = {"network", "training"}
READ = {".yml", ".yaml", ".json"}  # what Kedro reads of conf, with OmegaConf


def log_and_adopt(best: BestParameters, adopts: bool, context: KedroContext) -> None:
    """Log the best parameters; adopt them, see `adopt`, if that is wanted and they are better."""
    logger.info("%s", best.sentence())
    if not best.better:
        return
    if adopts:
        path = adopt(best, Path(context.config_loader.conf_source), context.env)
        command = f"{run_command(context.env)} --pipelines retraining"
        logger.info("Adopted in %s. The next retraining trains with it: %s", path, command)
    else:
        logger.info(
            "To adopt it in %s, without new trials: run this command again with "
            "--params tuning.adopt=true. The parameters: %s",
            *(FILE, json.dumps(best.model_dump(mode="json", include=BLOCKS))),
        )


def adopt(best: BestParameters, conf: Path, env: str | None) -> Path:
    """Write the blocks with the best parameters to the environment's file of tuned parameters.

    Without an environment, the file is written to `local`.

    Raises:
        DataError: The environment has these blocks in another file, so nothing was written.
    """
    folder = conf / (env or "local")
    path, blocks = folder / FILE, best.model_dump(mode="json", include=BLOCKS)
    text = yaml.safe_dump(blocks, sort_keys=False, default_flow_style=None)
    for file in sorted({*folder.rglob("parameters*"), *folder.glob("parameters*/**/*")} - {path}):
        if file.suffix in READ and not BLOCKS.isdisjoint(OmegaConf.load(file)):
            lines = text.splitlines()
            raise DataError(f"Not adopted: {file} has network or training. Write there:", *lines)
    try:
        origin = f"run {best.run_id}: {best.loss} {best.best.log_loss:.4f}"
        replace(path, f"# Written by kedro run --pipelines tuning, {origin}\n\n{text}".encode())
    except OSError as error:
        raise not_written(error, path) from error
    return path
