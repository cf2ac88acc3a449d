"""Rows that stand in a database, and the conf that reads them."""

import contextlib
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from tests.helpers.project import Project
from tests.helpers.servers import free_port

# In load arguments, and in a URL where the database takes one: nobody ever writes it anywhere.
SECRET = "h0rse-battery"


def query(sql: str, **arguments: Any) -> dict[str, Any]:
    """Give an entry that asks the database of the credentials `db`."""
    return {"type": "pandas.SQLQueryDataset", "sql": sql, "credentials": "db", **arguments}


def reads(project: Project, con: str | None = None, **entries: Any) -> None:
    """Write entries of the catalog to conf/local, and the credentials of a database."""
    local = project.path / "conf/local"
    (local / "catalog.yml").write_text(yaml.safe_dump(entries))
    con = con or f"sqlite:///{project.path}/rows.db"
    (local / "credentials.yml").write_text(yaml.safe_dump({"db": {"con": con}}))


def in_sqlite(project: Project, **tables: pd.DataFrame) -> None:
    """Put tables into the project's SQLite database."""
    with contextlib.closing(sqlite3.connect(project.path / "rows.db")) as connection:
        for name, rows in tables.items():
            rows.to_sql(name, connection, index=False, if_exists="replace")
        connection.commit()


def files_with(project: Project, secret: str) -> list[str]:
    """Name the files that a run wrote in which a secret stands."""
    return [name for name, content in project.files().items() if secret.encode() in content]


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Start Debian's PostgreSQL on loopback, with a password, and give its URL for SQLAlchemy."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path())
    assert programs.is_absolute(), "PostgreSQL is not here: apt-get install postgresql"
    data, port = folder / "cluster", free_port()
    data.mkdir(parents=True)
    (folder / "password").write_text(SECRET)
    # The server refuses to be root's.
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    who: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        who |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        for path in (folder, data, folder / "password"):
            os.chown(path, user.pw_uid, user.pw_gid)
        for parent in [*folder.parents]:
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    initdb = [programs / "initdb", "-D", data, "-A", "scram-sha-256", "--no-sync"]
    initdb += ["-U", "postgres", "--pwfile", folder / "password", "-E", "UTF8"]
    subprocess.run(initdb, check=True, capture_output=True, **who)
    command = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port)]
    command += ["-k", folder, "-c", "fsync=off", "-c", "timezone=Europe/Berlin"]
    with (
        open(folder / "server.txt", "w") as said,
        subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, **who) as server,
    ):
        try:
            ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
            deadline = time.monotonic() + 60
            while subprocess.run(ready, check=False, capture_output=True).returncode:
                assert server.poll() is None, (folder / "server.txt").read_text()
                assert time.monotonic() < deadline, (folder / "server.txt").read_text()
                time.sleep(0.1)
            yield f"postgresql+psycopg://postgres:{SECRET}@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # at SIGTERM it waits for its clients
            server.wait(60)
            shutil.rmtree(data)
