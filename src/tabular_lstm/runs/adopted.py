"""Parameters that a tuning found, written to an environment's conf, and nothing else changed there.

Where a file of the environment has a block already, the values that differ are put in their places
in its text, so that comments, order and all else stay. What cannot be done so is refused.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.project import settings
from omegaconf.errors import OmegaConfBaseException

from tabular_lstm.errors import DataError
from tabular_lstm.parameters import without
from tabular_lstm.runs.guards import check_parameters
from tabular_lstm.runs.written_conf import written
from tabular_lstm.tuning.found import LOSS, BestParameters, in_conf, in_yaml

# For blocks that no file of the environment has.
NEW = "parameters_tuned.yml"
BLOCKS = ("network", "training")
HEADER = "# By kedro run --pipelines tuning, run {run_id}: {metric} {loss:.4f}"
# What would go with a value: a comment, an anchor, a tag, an alias, another value's name.
MORE = re.compile(r"[#&!*]|\$\{")

Edit = tuple[int, int, str]


def places(folder: Path) -> dict[str, Path]:
    """Say for each block which file of an environment it stands in, or would stand in.

    Args:
        folder: Of the environment; it need not be there yet.
    """
    found = dict.fromkeys(BLOCKS, folder / NEW)
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        # As Kedro does.
        named = any(part.startswith("parameters") for part in parts)
        hidden = any(part.startswith(".") for part in parts)
        if named and not hidden and path.suffix in {".yml", ".yaml", ".json"} and path.is_file():
            found |= dict.fromkeys(_names(_read(path)) & {*BLOCKS}, path)
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
        DataError: It cannot be done without changing something else; or the command line gave
            the tuning other values, beside those that are tuned, than conf; all is as it was.
    """
    folder = folder_of(conf, env)
    try:
        if folder.name == "base":
            raise DataError(f"{folder} is everybody's, and never written. Leave --env out")
        now = _blocks(conf, env)
        _refuse_others(found, now)
        wanted = {block: getattr(found, block).model_dump(mode="json") for block in BLOCKS}
        contents: dict[Path, str] = {}
        for block, path in places(folder).items():
            text = contents.get(path) or (_read(path) if path.exists() else _header(found))
            if path.name == NEW and block not in _names(text):
                contents[path] = f"{text.rstrip()}\n\n{in_conf({block: wanted[block]})}\n"
            elif changes := _changes(now[block].model_dump(mode="json"), wanted[block]):
                contents[path] = changed(text, {block: changes}, path)
        if links := [str(path) for path in contents if path.is_symlink()]:
            raise DataError(f"{links[0]} is a link, which a new file would replace")
        texts = {str(path.relative_to(folder)): text for path, text in contents.items()}
        with written(folder, texts, ()):
            after = _blocks(conf, env)
            if any(after[block] != getattr(found, block) for block in BLOCKS):
                raise DataError(f"{folder}: another file of conf says otherwise")
    except (DataError, OSError, ValueError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise DataError(
            f"Not adopted, and conf is as it was: {error}. The lines to put there by hand are in "
            "best_parameters, and this command without tuning.adopt prints them."
        ) from error
    return list(contents)


def folder_of(conf: Path, env: str | None) -> Path:
    """Give the environment's folder; without one Kedro reads `local` over `base`."""
    return conf / (env or "local")


def not_tuned(given: Mapping[str, Any], found: BestParameters) -> list[str]:
    """Name the parameters of the two blocks that are given beside those that were tuned."""
    blocks = {block: given[block] for block in BLOCKS if block in given}
    return [name for name, _ in _flat(blocks) if name not in found.best.values]


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
        if MORE.search(text, start, end):
            raise _by_hand(path)
        line = value.replace("\n", "\r\n") if "\r\n" in text else value
        new = new[:start] + line + new[end:]
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


def _read(path: Path) -> str:
    """Read a file with its own line ends."""
    return path.read_bytes().decode()


def _names(text: str) -> set[str]:
    """Give the names of a file's blocks."""
    root = yaml.compose(text)
    return {key.value for key, _ in root.value} if isinstance(root, yaml.MappingNode) else set()


def _refuse_others(found: BestParameters, now: Mapping[str, Any]) -> None:
    """Stop where the best was found with values that are neither tuned nor in conf.

    Raises:
        DataError: Names the first one.
    """
    blocks = [(found.network, found.training), (now["network"], now["training"])]
    there, written_there = (dict(_flat(without(*pair, found.best.values))) for pair in blocks)
    for name, value in there.items():
        if value != written_there[name]:
            raise DataError(
                f"the best was found with {name} = {in_yaml(value)}, which is not tuned, and "
                f"conf has {in_yaml(written_there[name])}. Write it to conf or leave it out, and "
                "run again"
            )


def _flat(block: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in block.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


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
