"""`tonnage doctor` where something really caps: limits of the kernel made for it, and files of proxies that serve."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from prove.cells import remove
from tests.live.apps import HELLO, write_app
from tests.live.fronts import BIN, Front, caddy, nginx
from tests.live.server import clean_environ, command, run, serve
from tests.live.sites import EXAMPLE
from tonnage.system.cgroup import Group, find

NOBODY = ("--user", "65534", "--group", "65534")
BACKLOG = 'ip link set lo up && echo "$1" > /proc/sys/net/core/somaxconn && shift && exec "$@"'
MOVE = "import os, sys\nfor f in sys.argv[1].split(','): open(f, 'w').write('0')\nos.execvp(sys.argv[2], sys.argv[2:])"


def found(*words: str, cwd: Path, before: tuple[str, ...] = (), **env: str) -> Mapping[str, Mapping[str, str]]:
    """By name; where a name comes twice the first."""
    done = subprocess.run(
        [*before, *command(), "doctor", *words, "--json"],
        cwd=cwd,
        env={**clean_environ(), **env},
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    return {each["name"]: each for each in reversed(json.loads(done.stdout))}


@pytest.mark.parametrize("somaxconn", [128, 4096])
def test_a_backlog_that_the_kernel_cuts_is_read_back_and_fails_a_strict_run(tmp_path: Path, somaxconn: int) -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("a network namespace of our own needs root, unshare and ip")
    own_network = ("unshare", "--net", "sh", "-c", BACKLOG, "sh", str(somaxconn))
    words = ("--bind", "127.0.0.1:8000", "--bind", "unix:app.sock", *NOBODY, "--strict")
    done = subprocess.run(
        [*own_network, *command(), "doctor", *words],
        cwd=tmp_path,
        env=clean_environ(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    lines = done.stdout.splitlines()
    cut = [line.split(maxsplit=3)[3] for line in lines if line.startswith("CAP   backlog")]
    if somaxconn == 128:
        said = "2048 requested, 128 effective: net.core.somaxconn is 128"
        assert cut == [f"{said} (TCP_INFO of a listener)", f"{said} (sock_diag of a listener)"], done.stdout
        assert "-> sysctl -w net.core.somaxconn=2048;" in done.stdout
    else:
        assert cut == []
    assert done.returncode == any(line.startswith(("CAP ", "RISK ")) for line in lines), done.stdout


@pytest.fixture
def small() -> Iterator[tuple[str, ...]]:
    """Half a CPU, 80 MiB and 20 processes: what a command is to be run with, to be in there."""
    with ExitStack() as made:
        doors = []
        for controller in ("cpu", "memory", "pids"):
            ours = find(controller)
            if ours is None:
                pytest.skip(f"this machine has no {controller} control groups")
            group = Group(ours.version, ours.directory / f"tonnage-doctor-{os.getpid()}", ours.top)
            if not group.directory.exists():
                try:
                    group.directory.mkdir()
                except OSError as exc:
                    pytest.skip(f"no control group can be made here: {exc}")
                made.callback(remove, group.directory)
            _limit(controller, group)
            doors.append(str(group.directory / "cgroup.procs"))
        yield (sys.executable, "-c", MOVE, ",".join(dict.fromkeys(doors)))


def _limit(controller: str, group: Group) -> None:
    values = {
        ("cpu", 1): ("cpu.cfs_quota_us", "50000"),
        ("cpu", 2): ("cpu.max", "50000 100000"),
        ("memory", 1): ("memory.limit_in_bytes", str(80 << 20)),
        ("memory", 2): ("memory.max", str(80 << 20)),
        ("pids", 1): ("pids.max", "20"),
        ("pids", 2): ("pids.max", "20"),
    }
    name, value = values[controller, group.version]
    if not (group.directory / name).exists():
        pytest.skip(f"{controller} is not delegated to groups made here")
    (group.directory / name).write_text(value)


def test_in_a_small_container_every_cap_is_named_with_its_file(tmp_path: Path, small: tuple[str, ...]) -> None:
    write_app(tmp_path, HELLO + "ballast = bytearray(b'x') * (20 << 20)\n")
    seen = found("app", "--workers", "4", "--threads", "4", "--worker-class", "gthread", cwd=tmp_path, before=small)
    for name, effective in (("cpus", "0.5"), ("memory", " of 80 MiB"), ("tasks", "")):
        assert seen[name]["verdict"] == "cap", seen[name]
        assert effective in seen[name]["effective"]
        assert f"tonnage-doctor-{os.getpid()}" in seen[name]["source"]
    assert 20 < float(seen["memory"]["requested"].split()[2]) < 40, "20 MiB of ballast and the interpreter"
    assert seen["memory"]["remedy"].startswith("--workers 1, or a limit above ")
    assert "--pids-limit" in seen["tasks"]["remedy"]
    modest = found("app", "--workers", "1", cwd=tmp_path, before=small)
    assert modest["memory"]["verdict"] == modest["tasks"]["verdict"] == "ok"


@pytest.mark.parametrize("front", [nginx, caddy])
def test_a_front_that_serves_is_understood(tmp_path: Path, front: Front) -> None:
    if front is nginx:
        pytest.importorskip("crossplane")
    write_app(tmp_path, HELLO)
    with serve("app", cwd=tmp_path, bind="unix:app.sock") as server, front(tmp_path, server.urls[0]) as door:
        assert door.exists()
        file = "nginx.conf" if front is nginx else "Caddyfile"
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        bind = server.urls[0]
        seen = found("app", "--bind", bind, "--front", file, cwd=tmp_path, PATH=path, HOME=str(tmp_path))
    assert (seen["upstream"]["verdict"], seen["upstream"]["effective"]) == ("ok", bind)
    assert seen["idle connections"]["verdict"] == ("ok" if front is nginx else "risk")  # 60 s and 2 min against 75 s
    assert seen["Host"]["verdict"] == "ok"
    assert seen["X-Request-Start"]["verdict"] == "note"


def test_the_example_site_as_on_a_laptop_is_not_for_the_world(tmp_path: Path) -> None:
    pytest.importorskip("django")
    site = shutil.copytree(EXAMPLE, tmp_path / "site", ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*"))
    seen = found("mysite.wsgi", cwd=site, DEBUG="1", ALLOWED_HOSTS="*")
    assert [seen[name]["verdict"] for name in ("debug", "ALLOWED_HOSTS")] == ["risk", "risk"]
    seen = found("mysite.wsgi", cwd=site, ALLOWED_HOSTS="example.com")
    assert [seen[name]["verdict"] for name in ("debug", "ALLOWED_HOSTS")] == ["ok", "ok"]


def test_what_a_server_that_runs_already_takes_is_not_taken_by_others(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO + "ballast = bytearray(b'x') * (200 << 20)\n")
    with serve("app", "--workers", "2", cwd=tmp_path, bind="unix:app.sock") as server:
        bind = server.urls[0]
        ours = found("--bind", bind, cwd=tmp_path)
        assert ours["running now"]["effective"] == f"pid {server.pid} with 2 workers"
        assert "running now" not in found("--bind", "unix:other.sock", cwd=tmp_path)
        (other := tmp_path / "other").mkdir()
        assert "running now" not in found("--bind", bind, cwd=other)
        for words in (("--bind", bind, "--chdir", str(tmp_path)), ("--bind", f"unix:{tmp_path}/app.sock")):
            assert found(*words, cwd=other)["running now"]["effective"] == f"pid {server.pid} with 2 workers"


def test_a_run_without_strict_ends_well_whatever_it_finds(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    assert run("doctor", "app", "--worker-connections", "100000000", cwd=tmp_path).code == 0
    ended = run("doctor", "app", "--worker-connections", "100000000", "--strict", cwd=tmp_path)
    assert ended.code == 1
    assert "CAP   files" in ended.output
    assert run("doctor", "app", "--wokers", "1", cwd=tmp_path).code == 2
