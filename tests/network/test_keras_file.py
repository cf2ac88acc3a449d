"""A file that brings more along than a network, or less, is refused before it costs."""

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from tabular_lstm.errors import DataError
from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.keras_file import (
    WEIGHTS,
    NoNetworkError,
    read_keras_file,
    weight_shapes,
)
from tabular_lstm.serving.artifact import Artifact
from tests.helpers.networks import (
    NETWORKS,
    assert_same_weights,
    ensemble_of,
    schema_of,
    sequences_of,
)
from tests.helpers.project import ROOT

GB = 10**9
Parts = dict[str, bytes]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The file of a real network."""
    path = tmp_path / "whole.keras"
    ensemble_of(schema_of(names=(1,))).save(path)
    return path


@pytest.mark.parametrize(
    ("features", "per_step", "names", "options"),
    NETWORKS,
)
def test_the_shapes_of_the_weights_are_those_that_keras_makes(
    features: int, per_step: int, names: tuple[int, ...], options: dict[str, Any]
) -> None:
    network = ensemble_of(schema_of(features, per_step, names=names), **options)
    shapes = weight_shapes(network.schema, network.options)
    layers = (network.embed, *network.recur, network.read_out)
    made = [[tuple(weight.shape) for weight in layer.weights] for layer in layers]
    assert [*shapes.values()] == made


# Files that are more in memory than on disk


def parts_of(whole: Path) -> Parts:
    with zipfile.ZipFile(whole) as file:
        return {name: file.read(name) for name in file.namelist()}


def write(path: Path, parts: Parts) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return path


def compressed_member(whole: Path, path: Path) -> None:
    """One megabyte that unpacks to one gigabyte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in parts_of(whole).items():
            if name != WEIGHTS:
                file.writestr(name, part)
        with file.open(WEIGHTS, "w", force_zip64=True) as member:
            for _ in range(GB // 10**7):
                member.write(bytes(10**7))


def member_that_claims_more(whole: Path, path: Path) -> None:
    """Its size in the archive's directory is four gigabytes."""
    content = bytearray(whole.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 20 : entry + 28] = struct.pack("<II", 2**32 - 2, 2**32 - 2)
    path.write_bytes(content)


def configured(**changed: Any) -> Callable[[Path, Path], None]:
    def make(whole: Path, path: Path) -> None:
        parts = parts_of(whole)
        config = json.loads(parts["config.json"])
        for place, value in changed.items():
            *block, name = place.split("__")
            (config["config"][block[0]] if block else config["config"])[name] = value
        write(path, {**parts, "config.json": json.dumps(config).encode()})

    return make


def weights(change: Callable[[h5py.File], None]) -> Callable[[Path, Path], None]:
    """Change the weights in their file."""

    def make(whole: Path, path: Path) -> None:
        parts = parts_of(whole)
        changed = io.BytesIO(parts[WEIGHTS])
        with h5py.File(changed, "a") as file:
            change(file)
        write(path, {**parts, WEIGHTS: changed.getvalue()})

    return make


def unwritten(file: h5py.File) -> None:
    """An array of which nothing is in the file."""
    del file["embed/vars/1"]
    file.create_dataset("embed/vars/1", (2, 3, 6, 3), np.float32)


def compressed_array(file: h5py.File) -> None:
    array = file["embed/vars/1"][()]
    del file["embed/vars/1"]
    file.create_dataset("embed/vars/1", data=array, compression="gzip")


def elsewhere(file: h5py.File) -> None:
    """An array whose bytes are those of another file."""
    del file["embed/vars/2"]
    file.create_dataset("embed/vars/2", (2, 3, 1, 3), np.float32, external=[("/etc/passwd", 0, 72)])


def linked(file: h5py.File) -> None:
    del file["embed/vars/2"]
    file["embed/vars/2"] = h5py.ExternalLink("other.h5", "weights")


BOMBS = {
    "compressed_member": (compressed_member, "its members are compressed"),
    "claims": (member_that_claims_more, "and the whole file has"),
    "units": (configured(options__units=[GB]), "as config.json declares"),
    "steps": (configured(schema__steps=GB), "1000000000 steps of 2 are no shape for 4 features"),
    "unwritten": (weights(unwritten), "bytes, and 0 in the file"),
    "gzip": (weights(compressed_array), "where Keras writes an array as it is"),
    "elsewhere": (weights(elsewhere), "embed/vars/2 in model.weights.h5"),
    "linked": (weights(linked), "embed/vars/2 is declared and not there"),
}

# Loads a whole file, then each of the others, in at most 300 MB more of address space.
LOAD = """
import json, resource, sys
from pathlib import Path
from tabular_lstm.errors import DataError
from tabular_lstm.network.keras_file import read_keras_file

whole, *files = map(Path, sys.argv[1:])
read_keras_file(whole.read_bytes(), whole.name)
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 300 * 10**6
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for file in files:
    content = file.read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read_keras_file(content, file.name)
    except DataError as error:
        took = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(json.dumps([file.stem, took // 1024, str(error)]), flush=True)
"""


@pytest.mark.long
def test_a_file_that_unpacks_to_more_is_refused_by_size_before_it_takes_the_memory(
    whole: Path, tmp_path: Path
) -> None:
    files = []
    for name, (make, _) in BOMBS.items():
        files.append(tmp_path / f"{name}.keras")
        make(whole, files[-1])
        assert files[-1].stat().st_size < 2 * 10**6
    command = [sys.executable, "-c", LOAD, str(whole), *map(str, files)]
    finished = subprocess.run(
        command, cwd=ROOT, env=os.environ, check=False, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    refused = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [name for name, _, _ in refused] == [*BOMBS], finished.stderr[-2000:]
    for name, megabytes, message in refused:
        assert message.startswith(f"{name}.keras: expected a whole .keras file of this project")
        assert BOMBS[name][1] in message
        assert megabytes < 50, name


# Files that bring more along than a network


def with_keys(**names: Any) -> Callable[[Path, Path], None]:
    def make(whole: Path, path: Path) -> None:
        parts = parts_of(whole)
        config = json.loads(parts["config.json"]) | names
        write(path, {**parts, "config.json": json.dumps(config).encode()})

    return make


def with_arguments(**names: Any) -> Callable[[Path, Path], None]:
    def make(whole: Path, path: Path) -> None:
        config = json.loads(parts_of(whole)["config.json"])["config"] | names
        with_keys(config=config)(whole, path)

    return make


def calling(module: str, name: str, **arguments: Any) -> Callable[[Path, Path], None]:
    """Name a function as the class, as a loader would call it that trusts the file."""
    return with_keys(module=module, class_name=name, registered_name=name, config=arguments)


def out_of_the_folder(whole: Path, path: Path) -> None:
    """A member that would be unpacked beside the folder, and one of an absolute path."""
    parts = parts_of(whole)
    write(path, {"../evil": b"evil", str(path.with_name("evil")): b"evil", **parts})


NO_ADDRESS = "http://127.0.0.1:9/weights"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (calling("os", "system", command="touch evil"), "got 'system'"),
        (calling("keras.utils", "get_file", fname="evil", origin=NO_ADDRESS), "got 'get_file'"),
        (with_keys(build_config={"input_shape": [GB, 2, 2]}), "build_config"),
        (
            with_keys(compile_config={"loss": {"module": "keras.utils", "class_name": "get_file"}}),
            "compile_config",
        ),
        (configured(schema__label={"class_name": "system", "module": "os"}), "label"),
        (with_arguments(dtype={"class_name": "get_file", "config": {}}), "config.dtype: Extra"),
        (
            out_of_the_folder,
            "expected config.json, metadata.json, model.weights.h5 in it, got ['..",
        ),
    ],
)
def test_what_a_file_brings_along_is_neither_run_nor_fetched_nor_unpacked(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "candidate.keras"
    make(whole, path)
    before = {*tmp_path.iterdir(), *tmp_path.parent.iterdir()}
    with pytest.raises(DataError) as refused:
        read_keras_file(path.read_bytes(), str(path))
    assert said in str(refused.value)
    assert {*tmp_path.iterdir(), *tmp_path.parent.iterdir()} == before


# Files that hold less than a network, or another one than they declare


def replaced(name: str, array: Any) -> Callable[[Path, Path], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = array

    return weights(change)


def without(name: str) -> Callable[[Path, Path], None]:
    return weights(lambda file: file.__delitem__(name))


def with_one_more(file: h5py.File) -> None:
    file["layers/recur_1/vars/0"] = np.zeros((2, 2, 8, 16), np.float32)


def in_pieces(file: h5py.File) -> None:
    """The array as it is, in chunks of which all are there."""
    array = file["embed/vars/2"][()]
    del file["embed/vars/2"]
    file.create_dataset("embed/vars/2", data=array, chunks=array.shape)


def from_another_array(file: h5py.File) -> None:
    """An array that is a view of another one, or of another file."""
    del file["embed/vars/2"]
    layout = h5py.VirtualLayout((2, 3, 1, 3), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "weights", shape=(2, 3, 1, 3))
    file.create_virtual_dataset("embed/vars/2", layout)


def linked_to_itself(file: h5py.File) -> None:
    """Two names for one array, of which the second shape would fit too."""
    del file["layers/recur/vars/2"]
    file["layers/recur/vars/2"] = h5py.SoftLink("/layers/recur/vars/1")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            replaced("embed/vars/3", np.zeros((2, 6, 3), np.float32)),
            "embed/vars/3 in model.weights.h5: expected float32 (2, 5, 3), as config.json "
            "declares, got float32 (2, 6, 3)",
        ),
        (replaced("embed/vars/3", np.zeros((2, 5, 3))), "got float64 (2, 5, 3)"),
        (replaced("layers/read_out/vars/1", h5py.Empty(np.float32)), "got float32 None"),
        (without("layers/recur/vars/2"), "layers/recur/vars/2 is declared and not there"),
        (weights(with_one_more), "layers/recur_1/vars/0 is there and not declared"),
        (weights(in_pieces), "in the file, where Keras writes an array as it is"),
        (weights(from_another_array), "in the file, where Keras writes an array as it is"),
        (weights(linked_to_itself), "layers/recur/vars/2 is declared and not there"),
        (configured(options__members=1), "expected float32 (1, 3, 1, 2), as config.json declares"),
        (configured(schema__features=["a", "a", "b", "f1"]), "are no shape for 4 features"),
        (configured(schema__features=[], schema__steps=0), "for each of 0 features"),
        (configured(schema__mean=[1.0] * 3), "expected a mean and a variance for each of 4"),
        (configured(schema__variance=[1, 2, 3, float("nan")]), "expected a number as mean and"),
        (configured(options__kind="lambda"), "config.options.kind: Extra"),
        (configured(training={"epochs": -1}), "config.training.epochs"),
    ],
)
def test_a_file_that_holds_other_weights_than_it_declares_is_refused(
    whole: Path, tmp_path: Path, make: Any, said: str
) -> None:
    path = tmp_path / "candidate.keras"
    make(whole, path)
    with pytest.raises(NoNetworkError) as refused:
        read_keras_file(path.read_bytes(), "candidate.keras")
    assert str(refused.value).startswith("candidate.keras: expected a whole .keras file of this")
    assert said in str(refused.value)


def test_a_file_cut_off_anywhere_is_refused(whole: Path) -> None:
    content = whole.read_bytes()
    for length in (0, 1, 100, len(content) // 2, len(content) - 1):
        with pytest.raises(NoNetworkError, match=r"a\.keras: expected a whole \.keras file"):
            read_keras_file(content[:length], "a.keras")


@pytest.mark.parametrize(
    "calibration",
    [
        {"threshold": "0.5"},
        {"threshold": float("nan")},
        {"threshold": True},
        {"threshold": 1.5},
        {"temperature": float("inf")},
        {"temperature": 0},
    ],
    ids=str,
)
def test_a_calibration_that_is_none_is_refused(
    whole: Path, tmp_path: Path, calibration: dict[str, Any]
) -> None:
    path = tmp_path / "a.keras"
    with_arguments(**calibration)(whole, path)
    (name,) = calibration
    with pytest.raises(NoNetworkError, match=f"config.{name}: Input should be"):
        read_keras_file(path.read_bytes(), "a.keras")


# Into Keras

CALIBRATED: dict[str, Any] = {"training": {"seed": 3}, "temperature": 1.75, "threshold": 0.375}


@pytest.mark.parametrize(("features", "per_step", "names", "options"), NETWORKS)
def test_a_network_is_loaded_as_keras_itself_loads_it(
    features: int, per_step: int, names: tuple[int, ...], options: dict[str, Any], tmp_path: Path
) -> None:
    schema = schema_of(features, per_step, names=names)
    made = ensemble_of(schema, **options)
    network = LSTMEnsemble.from_config(made.get_config() | CALIBRATED)
    network.set_weights(made.get_weights())
    path = tmp_path / "network.keras"
    network.save(path)
    loaded = Artifact.read(path).network
    by_keras = keras.saving.load_model(path)
    assert type(loaded) is LSTMEnsemble
    assert loaded.get_config() == by_keras.get_config() == network.get_config()
    for other in (by_keras, network):
        assert_same_weights(loaded, other)
    sequences = sequences_of(schema, rows=50, missing=0.2)
    np.testing.assert_array_equal(loaded(sequences), by_keras(sequences))
