"""The data that the repository ships are those it says they are."""

import hashlib

import pytest

from tests.helpers.project import ROOT

SHA256 = {
    "diabetes.csv": "f4c6936f67e9a45bad544a19ce099edfd35348fd41737d2f5b42bc887e19f4db",
    "rows_to_score.csv": "fefe33f1bf4b9642556789ca0e0641bcb648963986c4ea97431654f849237821",
    "italy_power_demand.csv": "29f86f9c2742e0597c29df24c4704abf98ddec0b08f34552077a95b99bd62993",
    "vehicles.csv": "bff8d840d6817f179d007de3d2afedfba2ddd5f3b2ae92179051ed0fed9ee791",
    "storms.csv": "04857705e4d53f714f221e80dd68b54679f708898ac5a5b2425c5727c0616215",
    "storms_to_score.csv": "8dc404f0cbb711f994f4348b3650ce6176aed94c0bf4319b477670d19f4dbb33",
    "concrete.csv": "ad408ac62be1864b74b2174b1b2b4d3e5e2202bbeca52572047705ac3cbed77c",
}


@pytest.mark.parametrize("name", SHA256)
def test_the_bytes_are_pinned_and_the_readme_states_their_hash(name: str) -> None:
    assert hashlib.sha256((ROOT / "data/01_raw" / name).read_bytes()).hexdigest() == SHA256[name]
    assert SHA256[name] in (ROOT / "data/README.md").read_text()
