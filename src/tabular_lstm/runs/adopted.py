"""Parameters that a tuning found, written to an environment's conf, and nothing else changed there.

Where a file of the environment has a block already, the values that differ are put in their places
in its text, so that comments, order and all else stay. What cannot be done so is refused.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.project import settings

from tabular_lstm.errors import DataError
from tabular_lstm.runs.guards import check_parameters
from tabular_lstm.runs.written_conf import written
from tabular_lstm.tuning.found import LOSS, BestParameters, in_conf, in_yaml

# For blocks that no file of the environment has.
NEW = "parameters_tuned.yml"
BLOCKS = ("network", "training")
HEADER = "# By kedro run --pipelines tuning, run {run_id}: {metric} {loss:.4f}"

Edit = tuple[int, int, str]


def places(folder: Path) -> dict[str, Path]:
    """Say for each block which file of an environment it stands in, or would stand in.

    Args:
        folder: Of the environment; it need not be there yet.
    """
    found = dict.fromkeys(BLOCKS, folder / NEW)
    for path in sorted(folder.rglob("*")):
        named = any(part.startswith("parameters") for part in path.relative_to(folder).parts)
        if named and path.suffix in {".yml", ".yaml", ".json"}:
            content = yaml.safe_load(path.read_text())
            found |= {block: path for block in BLOCKS if block in (content or {})}
    return found


def adopt(found: BestParameters, conf: Path, env: str | None) -> list[Path]:
    """Write what a tuning found to an environment's conf: all of it, or nothing.

    Args:
        found: The best parameters.
        conf: The folder of the environments.
        env: That the tuning ran in; that of the base one is written to `local`.

    Returns:
        The files that were changed or made.

    Raises:
        DataError: It cannot be done without changing something else; all is as it was.
    """
    folder = folder_of(conf, env)
    try:
        now = _blocks(conf, env)
        wanted = {block: getattr(found, block).model_dump(mode="json") for block in BLOCKS}
        contents: dict[Path, str] = {}
        for block, path in places(folder).items():
            text = contents.get(path) or (path.read_text() if path.exists() else _header(found))
            if path.name == NEW and block not in (yaml.safe_load(text) or {}):
                contents[path] = f"{text.rstrip()}\n\n{in_conf({block: wanted[block]})}\n"
            elif changes := _changes(now[block].model_dump(mode="json"), wanted[block]):
                contents[path] = changed(text, {block: changes}, path)
        texts = {str(path.relative_to(folder)): text for path, text in contents.items()}
        with written(folder, texts, ()):
            after = _blocks(conf, env)
            if any(after[block] != getattr(found, block) for block in BLOCKS):
                raise DataError(f"{folder}: another file of conf says otherwise")
    except (DataError, OSError, yaml.YAMLError) as error:
        raise DataError(
            f"Not adopted, and conf is as it was: {error}. The lines to put there by hand are in "
            "best_parameters, and this command without tuning.adopt prints them."
        ) from error
    return list(contents)


def folder_of(conf: Path, env: str | None) -> Path:
    """Give the folder that is written to: conf/base is everybody's, and never written."""
    return conf / ("local" if env in {None, "base"} else str(env))


def changed(text: str, changes: Mapping[str, Any], path: Path) -> str:
    """Put values in their places in the text of a YAML file.

    Args:
        text: Of the file.
        changes: Mappings within mappings, and in these the values.
        path: Of the file, for the message.

    Raises:
        DataError: It cannot be done without changing something else.
    """
    root = yaml.compose(text)
    edits = sorted(_edits(root, changes, path), key=lambda edit: edit[:2], reverse=True)
    new = text
    for start, end, value in edits:
        new = new[:start] + value + new[end:]
    try:
        as_meant = yaml.safe_load(new) == _merged(yaml.safe_load(text), changes)
    except yaml.YAMLError:
        as_meant = False
    if not as_meant or path.suffix == ".json":
        raise _by_hand(path)
    return new


def _edits(node: Any, changes: Mapping[str, Any], path: Path) -> Iterator[Edit]:
    """Give what to replace in a text, from where to where and by what."""
    if not isinstance(node, yaml.MappingNode):
        raise _by_hand(path)
    known = {key.value: value for key, value in node.value}
    for name, value in changes.items():
        there = known.get(name)
        if isinstance(value, Mapping) and there is not None:
            yield from _edits(there, value, path)
        elif there is not None:
            # The mark at the end of a block is somewhere behind it.
            if not isinstance(there, yaml.ScalarNode) and not there.flow_style:
                raise _by_hand(path)
            start, end = there.start_mark.index, there.end_mark.index
            yield start, end, f"{'' if end > start else ' '}{in_yaml(value)}"
        elif node.flow_style:
            start = node.start_mark.index + 1
            yield start, start, f"{name}: {in_yaml(value)}{', ' if node.value else ''}"
        else:
            first = node.value[0][0].start_mark
            yield first.index, first.index, f"{name}: {in_yaml(value)}\n{' ' * first.column}"


def _merged(block: Any, changes: Mapping[str, Any]) -> Any:
    merged = dict(block)
    for name, value in changes.items():
        inside = isinstance(value, Mapping) and name in merged
        merged[name] = _merged(merged[name], value) if inside else value
    return merged


def _changes(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values that differ, in mappings as they stand."""
    changes: dict[str, Any] = {}
    for name, value in wanted.items():
        if isinstance(value, Mapping):
            if inside := _changes(now[name], value):
                changes[name] = inside
        elif value != now[name]:
            changes[name] = value
    return changes


def _blocks(conf: Path, env: str | None) -> dict[str, Any]:
    """Load the blocks as the next run will, without parameters of the command line."""
    loader = settings.CONFIG_LOADER_CLASS(str(conf), env=env, **settings.CONFIG_LOADER_ARGS)
    return check_parameters(loader["parameters"])


def _header(found: BestParameters) -> str:
    return HEADER.format(run_id=found.run_id, metric=LOSS, loss=found.best.log_loss)


def _by_hand(path: Path) -> DataError:
    return DataError(f"{path}: its text cannot be changed without a doubt")
