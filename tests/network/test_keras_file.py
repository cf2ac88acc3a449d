"""A saved network is read as Keras reads it; a file with more or less in it costs nothing."""

import io
import json
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from tabular_lstm.network.build import LSTMEnsemble
from tabular_lstm.network.keras_file import (
    WEIGHTS,
    NoNetworkError,
    read_keras_file,
    weight_shapes,
)
from tabular_lstm.network.outputs import Calibration
from tabular_lstm.network.score import FEW, score
from tabular_lstm.network.scorer import Scorer
from tabular_lstm.serving.artifact import Artifact
from tabular_lstm.task import CLASSES, NUMBER, TWO_CLASSES
from tests.helpers.networks import (
    assert_same_weights,
    ensemble_of,
    schema_of,
    sequences_of,
)

GB = 10**9
CALIBRATED: dict[str, Any] = {"training": {"seed": 3}, "temperature": 0.6, "threshold": 0.375}
Make = Callable[[Path, Path], None]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The file of a real network."""
    path = tmp_path / "whole.keras"
    ensemble_of(schema_of(names=(1,))).save(path)
    return path


# What a file holds


@pytest.mark.parametrize(
    ("layout", "options", "calibration"),
    [
        ({}, {}, CALIBRATED),
        ({"features": 5, "names": (0, 3)}, {"units": [4, 3, 5], "members": 3}, CALIBRATED),
        (
            {"features": 3, "features_per_step": 3, "names": (0, 1, 2), "task": CLASSES},
            {"frequencies": 5, "dimensions": 7},
            {"temperature": 0.6, "costs": ((0.0, 1.0, 2.0), (1.0, 0.0, 1.0), (3.0, 1.0, 0.0))},
        ),
        (
            {"features": 1, "features_per_step": 4, "task": NUMBER},
            {"units": [1], "members": 1},
            {"coverage": 0.8, "residuals": tuple(0.1 * place for place in range(50))},
        ),
    ],
)
def test_a_file_holds_what_keras_itself_loads_and_scores_as_it_does(
    layout: dict[str, Any], options: dict[str, Any], calibration: dict[str, Any], tmp_path: Path
) -> None:
    schema, path = schema_of(**layout), tmp_path / "network.keras"
    made = ensemble_of(schema, **options)
    network = LSTMEnsemble.from_config(made.get_config() | calibration)
    network.set_weights([2 * weight for weight in made.get_weights()])
    network.save(path)
    shapes = weight_shapes(network.schema, network.options)
    layers = (network.embed, *network.recur, network.read_out)
    assert [*shapes.values()] == [[tuple(w.shape) for w in layer.weights] for layer in layers]

    assert json.loads(parts_of(path)["config.json"])["config"]["format"] == 2
    saved, by_keras = Artifact.read(path), keras.saving.load_model(path)
    assert type(saved.network) is type(by_keras) is LSTMEnsemble
    assert saved.network.get_config() == by_keras.get_config() == network.get_config()
    of_config = {name: calibration[name] for name in calibration if name != "training"}
    assert saved.scorer.calibration == network.calibration == Calibration(**of_config)
    assert_same_weights(saved.network, by_keras)
    assert_same_weights(saved.network, network)
    assert not saved.scorer.read_out.kernel.flags.writeable
    sequences = sequences_of(schema, FEW + 1, missing=0.2)
    np.testing.assert_array_equal(saved.network(sequences), by_keras(sequences))
    expected = score(Scorer.of(network), sequences)
    np.testing.assert_array_equal(saved.score(sequences), expected)
    if not layout.get("task"):
        computed = by_keras(sequences).numpy()[:, 0]
        np.testing.assert_allclose(expected[:, 1], computed, rtol=0, atol=1e-6)


SCORE = """
import sys
from pathlib import Path

import numpy as np

from tabular_lstm.network.keras_file import read_keras_file
from tabular_lstm.network.score import score, score_changed

scorer = read_keras_file(Path(sys.argv[1]).read_bytes(), "network.keras")
sequences = np.ones((2000, 2, 2), np.float32)
score(scorer, sequences), list(score_changed(scorer, sequences, [(0, np.zeros((1, 2000)))]))
print(*{module.partition(".")[0] for module in sys.modules})
"""


def test_scoring_imports_neither_tensorflow_nor_pandas(whole: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCORE, str(whole)], check=True, capture_output=True, text=True
    )
    imported = {*done.stdout.split()}
    assert {"numpy", "h5py"} <= imported
    assert not imported & {"tensorflow", "keras", "pandas", "sklearn", "kedro"}


# Files that would take more than their size, run or fetch something, or hold another network


def parts_of(whole: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(whole) as file:
        return {name: file.read(name) for name in file.namelist()}


def write(path: Path, parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, part in parts.items():
            file.writestr(name, part)


def unpacking_to_more(whole: Path, path: Path) -> None:
    """A hundred kilobytes that unpack to a hundred megabytes."""
    write(path, parts_of(whole) | {WEIGHTS: bytes(GB // 10)}, zipfile.ZIP_DEFLATED)


def claiming_more(whole: Path, path: Path) -> None:
    """Its size in the archive's directory is four gigabytes."""
    content = bytearray(whole.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 20 : entry + 28] = struct.pack("<II", 2**32 - 2, 2**32 - 2)
    path.write_bytes(content)


def out_of_the_folder(whole: Path, path: Path) -> None:
    """A member that would be unpacked beside the folder, and one of an absolute path."""
    more = {"../evil": b"evil", str(path.with_name("evil")): b"evil"}
    write(path, more | parts_of(whole))


def with_keys(**names: Any) -> Make:
    def make(whole: Path, path: Path) -> None:
        parts = parts_of(whole)
        config = json.loads(parts["config.json"]) | names
        write(path, {**parts, "config.json": json.dumps(config).encode()})

    return make


def calling(module: str, name: str, **arguments: Any) -> Make:
    """Name a function as the class, as a loader would call it that trusts the file."""
    return with_keys(module=module, class_name=name, registered_name=name, config=arguments)


def configured(task: str = TWO_CLASSES, **changed: Any) -> Make:
    """Change arguments of a network of the task, or of a block of them; None takes one away."""

    def make(whole: Path, path: Path) -> None:
        ensemble_of(schema_of(names=(1,), task=task)).save(whole)
        config = json.loads(parts_of(whole)["config.json"])["config"]
        for place, value in changed.items():
            *block, name = place.split("__")
            of = config[block[0]] if block else config
            of[name] = value
            if value is None:
                del of[name]
        with_keys(config=config)(whole, path)

    return make


def weights(change: Callable[[h5py.File], Any]) -> Make:
    """Change the weights in their file."""

    def make(whole: Path, path: Path) -> None:
        parts = parts_of(whole)
        changed = io.BytesIO(parts[WEIGHTS])
        with h5py.File(changed, "a") as file:
            change(file)
        write(path, {**parts, WEIGHTS: changed.getvalue()})

    return make


def created(name: str, *arguments: Any, **options: Any) -> Make:
    """Put another array in a weight's place."""

    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, *arguments, **options)

    return weights(change)


def linked(name: str, link: Any) -> Make:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = link

    return weights(change)


def virtual(file: h5py.File) -> None:
    """An array that is a view of another file."""
    del file["embed/vars/2"]
    layout = h5py.VirtualLayout((2, 3, 1, 3), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "weights", shape=(2, 3, 1, 3))
    file.create_virtual_dataset("embed/vars/2", layout)


VECTORS, BIAS = "embed/vars/3", "embed/vars/2"
ZEROS = np.zeros((2, 5, 3), np.float32)
PASSWORDS = {"external": [("/etc/passwd", 0, 72)]}
NO_ADDRESS = "http://127.0.0.1:9/weights"
LOSS = {"loss": {"module": "keras.utils", "class_name": "get_file"}}
NOT_AS_KERAS = "is not in model.weights.h5 as Keras writes an array"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (unpacking_to_more, "and the whole file has"),
        (claiming_more, "and the whole file has"),
        (configured(options__units=[GB]), "as config.json declares"),
        (configured(options__members=GB), "as config.json declares"),
        (configured(schema__steps=GB), "1000000000 steps of 2 do not fit 4 features"),
        (created("embed/vars/1", (2, 3, 7, 3), np.float32), NOT_AS_KERAS),
        (created(VECTORS, data=ZEROS, compression="gzip"), NOT_AS_KERAS),
        (created(BIAS, (2, 3, 1, 3), np.float32, **PASSWORDS), NOT_AS_KERAS),
        (weights(virtual), NOT_AS_KERAS),
        (linked(BIAS, h5py.ExternalLink("other.h5", "weights")), "is missing or not declared"),
        (linked("layers/recur/vars/2", h5py.SoftLink("/layers/recur/vars/1")), "recur/vars/2 is"),
        (calling("os", "system", command="touch evil"), "got 'system'"),
        (calling("keras.utils", "get_file", fname="evil", origin=NO_ADDRESS), "got 'get_file'"),
        (with_keys(build_config={"input_shape": [GB, 2, 2]}), "build_config"),
        (with_keys(compile_config=LOSS), "compile_config"),
        (configured(schema__label={"class_name": "system", "module": "os"}), "label"),
        (out_of_the_folder, "expected config.json, metadata.json, model.weights.h5 in it, got"),
        (
            created(VECTORS, data=np.zeros((2, 6, 3), np.float32)),
            "embed/vars/3 in model.weights.h5: expected float32 (2, 5, 3), as config.json "
            "declares, got float32 (2, 6, 3)",
        ),
        (created(VECTORS, data=np.zeros((2, 5, 3))), "got float64 (2, 5, 3)"),
        (weights(lambda file: file.__delitem__(BIAS)), "embed/vars/2 is missing or not declared"),
        (configured(dtype={"class_name": "get_file", "config": {}}), "dtype"),
        (configured(format=1), "a network of this schema has no format 1"),
        (configured(schema__scores=False), "a network of this schema has no format 2"),
        (configured(format=3), "reads format 1 and 2, and its format is 3. Install that version"),
        (configured(threshold=True), "config.threshold: Input should be"),
        (configured(NUMBER, residuals=[float("nan")] * 50), "config.residuals.0: Input should be"),
        (configured(NUMBER, coverage=float("nan")), "config.coverage: Input should be"),
        (created("layers/read_out/vars/1", data=np.zeros((2, 9), np.float32)), "float32 (2, 1)"),
    ],
)
def test_another_file_is_refused_before_it_costs_memory_or_runs_anything(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "candidate.keras"
    make(whole, path)
    content = path.read_bytes()
    before = {*tmp_path.iterdir(), *tmp_path.parent.iterdir()}
    tracemalloc.start()
    with pytest.raises(NoNetworkError) as refused:
        read_keras_file(content, path.name)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(refused.value).startswith("candidate.keras: expected a ")
    assert said in str(refused.value)
    assert most < 20 * 10**6
    assert {*tmp_path.iterdir(), *tmp_path.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"format": 3}, "has no format 3"),
        ({"format": 1}, "has no format 1"),
        ({"schema__scores": False}, "has no format 2"),
    ],
)
def test_keras_too_refuses_a_format_that_is_not_the_schemas(
    whole: Path, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    path = tmp_path / "other.keras"
    configured(**changed)(whole, path)
    with pytest.raises((TypeError, ValueError), match=said):
        keras.saving.load_model(path)


def test_a_file_cut_off_anywhere_is_refused(whole: Path) -> None:
    content = whole.read_bytes()
    for length in (0, 1, 100, len(content) // 2, len(content) - 1):
        with pytest.raises(NoNetworkError, match=r"a\.keras: expected a whole \.keras file"):
            read_keras_file(content[:length], "a.keras")
