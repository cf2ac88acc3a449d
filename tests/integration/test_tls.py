"""Dask's own variables shut a cluster to whoever has no certificate, as docs/cluster.md says."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest

from tabular_lstm import parameters
from tabular_lstm.engine import Engine, cluster
from tabular_lstm.errors import DataError
from tests.helpers.clusters import real_cluster

TLS = "DASK_DISTRIBUTED__COMM__TLS__"


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A key and its certificate, which all who take part have."""
    command = "openssl req -x509 -newkey rsa:3072 -nodes -days 365 -subj /CN=tabular-lstm"
    files = ["-keyout", "cluster.key", "-out", "cluster.crt"]
    subprocess.run([*command.split(), *files], cwd=tmp_path, check=True, capture_output=True)
    with monkeypatch.context() as variables:
        variables.setenv("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION", "true")
        variables.setenv(f"{TLS}CA_FILE", str(tmp_path / "cluster.crt"))
        for role in ("SCHEDULER", "WORKER", "CLIENT"):
            variables.setenv(f"{TLS}{role}__CERT", str(tmp_path / "cluster.crt"))
            variables.setenv(f"{TLS}{role}__KEY", str(tmp_path / "cluster.key"))
        dask.config.refresh()
        yield variables
    dask.config.refresh()


def doubled(factor: int, part: int) -> int:
    return factor * part


def test_who_has_the_certificate_is_let_in_and_nobody_else(
    tmp_path: Path, certified: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 3)
    with real_cluster(tmp_path / "cluster", workers=1, protocol="tls") as started:
        workers = started.engine().workers
        assert workers is not None
        assert dict(workers(doubled, 2, range(3))) == {0: 0, 1: 2, 2: 4}
        for role in ("SCHEDULER", "WORKER", "CLIENT"):
            certified.delenv(f"{TLS}{role}__CERT")
            certified.delenv(f"{TLS}{role}__KEY")
        for name, address in {
            "no certificate": started.address,
            "no encryption": started.address.replace("tls", "tcp"),
        }.items():
            if name == "no encryption":
                certified.delenv("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION")
            dask.config.refresh()
            with pytest.raises(DataError, match="none answers"):
                _ = Engine(parameters.Engine(kind="dask", address=address)).workers
