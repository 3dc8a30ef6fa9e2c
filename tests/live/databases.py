"""A real PostgreSQL or MariaDB of a test's own, on a Unix socket, thrown away afterwards."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.server import Log

SBIN = f"{os.environ['PATH']}:/usr/sbin"  # not in the PATH of everybody
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


@dataclass(frozen=True, slots=True)
class Mariadb:
    socket: Path


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
    initdb = [*as_user, str(found / "initdb"), "-D", data, "-N", "-U", OWNER, "-A", "trust", "-E", "UTF8"]
    control = [*as_user, str(found / "pg_ctl"), "-D", data, "-w"]
    subprocess.run(initdb, check=True, **quiet)  # type: ignore[call-overload]
    subprocess.run([*control, "start", "-o", options, "-l", str(directory / "log")], check=True, **quiet)  # type: ignore[call-overload]
    try:
        yield Postgres(directory)
    finally:
        subprocess.run([*control, "stop", "-m", "fast"], check=True, **quiet)  # type: ignore[call-overload]
        shutil.rmtree(directory)


@contextlib.contextmanager
def mariadb(**variables: object) -> Iterator[Mariadb]:
    """Its superuser is root, without a password. No file of /etc is read; no port is opened."""
    server, install = shutil.which("mariadbd", path=SBIN), shutil.which("mariadb-install-db", path=SBIN)
    if server is None or install is None:
        pytest.skip("there is no MariaDB here; remedy: apt-get install mariadb-server")
    as_user = ["--user=mysql"] if os.geteuid() == 0 else []
    directory = Path(tempfile.mkdtemp(prefix="my"))
    directory.chmod(0o755)
    if as_user:
        shutil.chown(directory, "mysql", "mysql")
    common = ["--no-defaults", f"--datadir={directory / 'data'}", *as_user]
    quick = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M"]
    made = [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db", *quick]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL, cwd=directory, timeout=100)
    found = Mariadb(directory / "sock")
    given = [f"--{name.replace('_', '-')}={value}" for name, value in variables.items()]
    command = [server, *common, *quick, "--skip-networking", f"--socket={found.socket}", *given]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=directory)
    try:
        assert process.stderr is not None
        Log(process.stderr).wait_for("ready for connections")
        yield found
    finally:
        process.terminate()
        process.wait(100)
        shutil.rmtree(directory)
