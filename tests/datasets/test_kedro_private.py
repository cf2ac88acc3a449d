"""What is private in Kedro works as before, and is touched in one module only."""

import ast
import json
from pathlib import Path

import pytest
from kedro.io import DatasetError, MemoryDataset, Version
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset

import tabular_lstm
from tabular_lstm.datasets.kedro_private import (
    JSONPreview,
    TablePreview,
    folder_of_versions,
    load_version,
    unpinned_versions,
    use_own_version,
)

PACKAGE = Path(tabular_lstm.__file__).parent
PRIVATE = {"_filepath", "_version", "_typing", "_runtime_params_oc"}


def versioned(path: Path, save: str | None = None) -> JSONDataset:
    return JSONDataset(filepath=str(path), version=Version(None, save))


def test_a_run_loads_what_it_saved_though_another_saved_since(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    versioned(path, "b").save("of b")
    mine = versioned(path, "a")
    use_own_version(mine, "a")
    with pytest.raises(DatasetError, match=r"a/value\.json"):
        mine.load()
    mine.save("of a")
    assert mine.load() == "of a"
    assert mine.resolve_load_version() == mine.resolve_save_version() == "a"
    # Without it Kedro takes the newest: what this test would miss if it no longer did.
    newest = versioned(path, "c")
    assert newest.load() == "of b"
    use_own_version(newest, "a")
    assert newest.load() == "of a"


def test_it_changes_nothing_of_datasets_without_versions(tmp_path: Path) -> None:
    plain = JSONDataset(filepath=str(tmp_path / "value.json"))
    in_memory = MemoryDataset("kept")
    for dataset in (plain, in_memory):
        use_own_version(dataset, "a")
        assert folder_of_versions(dataset) is None
    plain.save("plain")
    assert plain.load() == "plain"
    assert (tmp_path / "value.json").is_file()
    assert in_memory.load() == "kept"


def test_the_folder_of_versions_is_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    for run in ("a", "b"):
        versioned(path, run).save(run)
    folder = folder_of_versions(versioned(path))
    assert folder == path
    assert folder is not None
    assert sorted(version.name for version in folder.glob("*/")) == ["a", "b"]


def test_versions_are_listed_as_kedro_would_load_them_and_one_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    assert unpinned_versions(versioned(path)) == []
    for run in ("a", "b", "c"):
        versioned(path, run).save(run)
    dataset = versioned(path, "d")
    assert unpinned_versions(dataset) == ["c", "b", "a"]
    assert dataset.load() == "c"
    load_version(dataset, "a")
    assert dataset.load() == "a"
    assert dataset.resolve_save_version() == "d"
    assert unpinned_versions(dataset) == []
    for plain in (JSONDataset(filepath=str(path)), MemoryDataset("kept")):
        assert unpinned_versions(plain) == []


def test_previews_are_of_the_types_that_kedro_viz_knows(tmp_path: Path) -> None:
    """Kedro-Viz shows a preview by the annotation of the method, whatever it returns."""
    rows = tmp_path / "rows.csv"
    rows.write_text("a\n1\n")
    value = tmp_path / "value.json"
    value.write_text(json.dumps("value"))
    for dataset, preview in ((CSVDataset, TablePreview), (JSONDataset, JSONPreview)):
        assert dataset.preview.__annotations__["return"] in (preview, preview.__name__)
    assert JSONPreview("{}") == "{}"
    assert TablePreview({"index": []}) == {"index": []}


@pytest.mark.parametrize(
    "module", [str(path.relative_to(PACKAGE)) for path in sorted(PACKAGE.rglob("*.py"))]
)
def test_no_other_module_touches_what_is_private(module: str) -> None:
    if module == "datasets/kedro_private.py":
        return
    tree = ast.parse((PACKAGE / module).read_text())
    touched = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in PRIVATE:
            of_itself = isinstance(node.value, ast.Name) and node.value.id == "self"
            if not of_itself:
                touched.append(node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {*node.module.split("."), *(name.name for name in node.names)}
            touched += [name for name in names if name in PRIVATE]
        elif isinstance(node, ast.Constant) and node.value in PRIVATE:
            touched.append(node.value)  # as in getattr(dataset, "_version")
    assert not touched
