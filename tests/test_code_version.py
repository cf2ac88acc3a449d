"""What computes is known by its files and by the versions of what it computes with."""

from pathlib import Path

import pytest

from tabular_lstm import code_version
from tabular_lstm.code_version import code_sha256


def test_code_is_the_files_and_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    (package / "network").mkdir(parents=True)
    (package / "network/fit.py").write_text("one")
    monkeypatch.setattr(code_version, "__file__", str(package / "code_version.py"))
    seen = [code_sha256()]
    assert code_sha256() == seen[0]
    (package / "network/fit.py").write_text("two")
    seen.append(code_sha256())
    (package / "network/fit.py").rename(package / "network/build.py")
    seen.append(code_sha256())
    (package / "starter/pipelines").mkdir(parents=True)
    (package / "starter/pipelines/nodes.py").write_text("a template, which no run imports")
    assert code_sha256() == seen[-1]
    monkeypatch.setattr(code_version, "version", lambda name: "0")
    seen.append(code_sha256())
    assert len(set(seen)) == len(seen)
