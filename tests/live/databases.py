"""A real PostgreSQL of a test's own, on a Unix socket, thrown away afterwards."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

OWNER = "harbour"  # the superuser of the cluster


@dataclass(frozen=True, slots=True)
class Postgres:
    directory: Path  # of its socket

    @property
    def url(self) -> str:
        return f"postgres://{OWNER}@{str(self.directory).replace('/', '%2F')}/postgres"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()


def programs() -> Path | None:
    """Where initdb and pg_ctl are; Debian keeps them out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@contextlib.contextmanager
def postgresql(**settings: object) -> Iterator[Postgres]:
    """PostgreSQL refuses to be root, so root lends it another user."""
    found = programs()
    if found is None:
        pytest.skip("there is no PostgreSQL here; remedy: apt-get install postgresql")
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    directory = Path(tempfile.mkdtemp(prefix="pg"))  # short: the path of a Unix socket has 107 octets at most
    directory.chmod(0o755)
    if as_user:
        shutil.chown(directory, "postgres", "postgres")
    quiet = {"stdout": subprocess.DEVNULL, "cwd": directory, "timeout": 100}
    data = str(directory / "data")
    options = " ".join(
        [f"-k {directory} -c listen_addresses= -c fsync=off", *(f"-c {name}={each}" for name, each in settings.items())]
    )
    initdb = [*as_user, str(found / "initdb"), "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8"]
    control = [*as_user, str(found / "pg_ctl"), "-D", data, "-w"]
    subprocess.run(initdb, check=True, **quiet)  # type: ignore[call-overload]
    subprocess.run([*control, "start", "-o", options, "-l", str(directory / "log")], check=True, **quiet)  # type: ignore[call-overload]
    try:
        yield Postgres(directory)
    finally:
        subprocess.run([*control, "stop", "-m", "fast"], check=True, **quiet)  # type: ignore[call-overload]
        shutil.rmtree(directory)
