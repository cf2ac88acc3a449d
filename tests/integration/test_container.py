"""The container of a project of the starter, built and run as the documents say: for whole runs."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.project import ROOT

TOOLS = ("debootstrap", "buildah", "podman", "runc")
SPACE = 15 * 2**30  # bytes: an image of 3 GB, and its layers while it is built
USER = 10001
LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
HOOK = """
from kedro.framework.hooks import hook_impl


class Greeting:
    @hook_impl
    def after_context_created(self):
        print("The project's own hook was called.")


HOOKS = (*HOOKS, Greeting())
"""
CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")


class Containers:
    """Images in a store of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.store = [f"--root={folder / 'store'}", f"--runroot={folder / 'state'}"]
        # Docker's default limits are above those of some machines, which may not be raised there.
        of = {name: resource.getrlimit(limit)[1] for name, limit in LIMITS.items()}
        self.limits = [f"--ulimit={name}={most}:{most}" for name, most in of.items() if most > 0]

    def call(self, tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "BUILDAH_ISOLATION": "chroot",
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
        }
        command = [tool, *self.store, *arguments]
        return subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, timeout=1200
        )

    def make(self, *arguments: str) -> str:
        done = self.call("buildah", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def run(self, image: str, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        options = ["--rm", "--network=host", "--read-only", "--tmpfs=/tmp", *self.limits]
        volume = f"--volume={data}:/srv/tabular-lstm/data"
        return self.call("podman", "--runtime=runc", "run", *options, volume, image, *arguments)


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """A store with the image `base`: Debian with Python, from Debian's packages."""
    folder = tmp_path_factory.mktemp("containers")
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        pytest.skip(f"needs {', '.join(missing)}, Debian packages of these names")
    if os.getuid() != 0 or shutil.disk_usage(folder).free < SPACE:
        pytest.skip(f"needs root and {SPACE // 2**30} GB of free space")
    base = folder / "base"
    (suite,) = [
        line.partition("=")[2]
        for line in Path("/etc/os-release").read_text().splitlines()
        if line.startswith("VERSION_CODENAME=")
    ]
    packages = "--include=python3,python3-venv,ca-certificates"
    command = ["debootstrap", "--variant=minbase", packages, suite, str(base)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    # Where a machine trusts other authorities, pip in the container must, too.
    shutil.copy(Path("/") / CERTIFICATES, base / CERTIFICATES)
    made = Containers(folder)
    container = made.make("from", "scratch")
    made.make("add", "--quiet", container, str(base), "/")
    made.make("commit", "--quiet", container, "base")
    made.make("rm", container)
    tried = made.run("localhost/base", base, "true")
    if tried.returncode != 0:
        pytest.skip(f"this machine runs no containers: {tried.stderr.strip()}")
    yield made
    made.call("podman", "system", "reset", "--force")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def churn(tmp_path: Path) -> Path:
    """A project of the starter, with a hook of its own and the wheel in dist/."""
    clone, site = tmp_path / "clone", tmp_path / "site"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    subprocess.run(["make", "-s", "wheel"], cwd=clone, check=True)
    (wheel,) = clone.glob("dist/*.whl")
    shutil.unpack_archive(wheel, site, "zip")
    new = ["kedro", "new", "--starter", str(site / "tabular_lstm/starter"), "--name", "churn"]
    subprocess.run([sys.executable, "-m", *new], cwd=tmp_path, check=True, capture_output=True)
    shutil.move(clone / "dist", tmp_path / "churn")
    with (tmp_path / "churn/src/churn/settings.py").open("a") as settings:
        settings.write(HOOK)
    return tmp_path / "churn"


def test_the_container_retrains_and_scores_and_fails_as_a_run_does(
    containers: Containers, churn: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    file = str(churn / "deploy/container/Dockerfile")
    base = ["--build-arg=BASE=localhost/base", f"--file={file}", "--tag=tabular-lstm"]
    build = ["build", "--network=host", *containers.limits]
    containers.make(*build, *base, str(churn))
    shutil.copytree(churn / "data", data)
    for path in (data, *data.rglob("*")):
        os.chown(path, USER, USER)

    promoted = containers.run("localhost/tabular-lstm", data, "--pipelines=retraining")
    assert promoted.returncode == 0, promoted.stderr
    assert "The project's own hook was called." in promoted.stdout
    assert "Promoted run" in (promoted.stdout + promoted.stderr).splitlines()[-1]
    scored = containers.run("localhost/tabular-lstm", data, "--pipelines=scoring")
    assert scored.returncode == 0
    assert "Scored 20 of 20 rows" in (scored.stdout + scored.stderr).splitlines()[-1]
    (manifest,) = data.glob("07_model_output/predictions/*/manifest.json")
    assert manifest.stat().st_uid == USER

    small = ["--build-arg=LOCK=requirements-scoring.lock", *base[:-1], "--tag=tabular-lstm-scoring"]
    containers.make(*build, *small, str(churn))
    again = ["--pipelines=scoring", "--params=scoring.force=true"]
    scored = containers.run("localhost/tabular-lstm-scoring", data, *again)
    assert scored.returncode == 0, scored.stderr
    assert "Scored 20 of 20 rows" in (scored.stdout + scored.stderr).splitlines()[-1]
    refused = containers.run("localhost/tabular-lstm-scoring", data, "--pipelines=retraining")
    assert refused.returncode == 1
    assert "Training needs TensorFlow, which is not installed here" in refused.stderr

    wrong = containers.run("localhost/tabular-lstm", data, "--params=columns.label=nothing")
    assert wrong.returncode == 1
    assert "column 'nothing' is not in the file" in wrong.stderr
