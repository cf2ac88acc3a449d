"""What is private in Kedro works as before, and is touched in one module only."""

import ast
from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.io import DataCatalog, DatasetError, Version
from kedro_datasets.json import JSONDataset

import tabular_lstm
from tabular_lstm.datasets.kedro_private import (
    folder_of_versions,
    requested_pipelines,
    unsaved,
    use_own_version,
)

PACKAGE = Path(tabular_lstm.__file__).parent
PRIVATE = {
    *("_filepath", "_init_args", "_version", "_typing", "_runtime_params_oc", "_load_args"),
    "_requested_pipelines",
}


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
    assert folder_of_versions(newest) == path
    assert newest.load() == "of b"
    use_own_version(newest, "a")
    assert newest.load() == "of a"


def test_an_error_of_saving_names_the_entry(tmp_path: Path) -> None:
    no_json = JSONDataset(filepath=str(tmp_path / "a.json"))
    catalog = DataCatalog({"a@b": no_json, "c": versioned(tmp_path / "none.json")})
    with pytest.raises(DatasetError) as caught:
        catalog.save("a@b", object())
    assert unsaved(caught.value) == "a@b"
    with pytest.raises(DatasetError) as caught:
        catalog.load("c")
    assert unsaved(caught.value) is None


def test_the_pipelines_that_a_run_asks_for() -> None:
    assert requested_pipelines() is None
    pipelines.set_requested(["scoring"])
    assert requested_pipelines() == ["scoring"]
    pipelines.set_requested(None)
    assert requested_pipelines() is None


def test_no_other_module_touches_what_is_private() -> None:
    for path in {*PACKAGE.rglob("*.py")} - {PACKAGE / "datasets/kedro_private.py"}:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in PRIVATE:
                of_itself = isinstance(node.value, ast.Name) and node.value.id == "self"
                assert of_itself, f"{path}: {node.attr}"
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = {*node.module.split("."), *(name.name for name in node.names)}
                assert not names & PRIVATE, path
