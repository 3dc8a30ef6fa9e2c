"""Out of memory, in a control group made for it: the kernel really kills, and the log has the proof."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prove.cells import remove
from tests.live.apps import write_app
from tests.live.server import command, serve
from tonnage.system.cgroup import Group, find

MOST = 96 << 20
GREEDY = """
import os, signal

def application(environ, start_response):
    taken = []
    while environ["PATH_INFO"] == "/greedy":
        taken.append(b"x" * (1 << 20))
    if environ["PATH_INFO"] == "/killed":
        os.kill(os.getpid(), signal.SIGKILL)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"modest"]
"""
MOVE = "import os, sys; open(sys.argv[1], 'w').write('0'); os.execvp(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Group]:
    """Whatever is served is served in there."""
    ours = find("memory")
    if ours is None:
        pytest.skip("this machine has no memory control groups")
    group = Group(ours.version, ours.directory / f"tonnage-live-{os.getpid()}", ours.top)
    limit = group.directory / ("memory.max" if group.version == 2 else "memory.limit_in_bytes")
    try:
        group.directory.mkdir()
    except OSError as exc:
        pytest.skip(f"no control group can be made here: {exc}")
    try:
        if not limit.exists():
            pytest.skip("memory is not delegated to groups made here")
        limit.write_text(str(MOST))
        words = [sys.executable, "-c", MOVE, str(group.directory / "cgroup.procs"), *command()]
        monkeypatch.setenv("TONNAGE", shlex.join(words))
        yield group
    finally:
        remove(group.directory)


def test_a_worker_that_the_kernel_killed_for_its_memory_is_proven_to_be(tmp_path: Path, cell: Group) -> None:
    write_app(tmp_path, GREEDY)
    with serve("app", "-w", "2", cwd=tmp_path) as server:
        wire = server.connect()
        wire.send(b"GET /greedy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.at_end()
        (said,) = server.log.wait_for(r"\[ERROR\] Worker .* was killed by SIGKILL.*")
        assert f"By the kernel's out-of-memory killer: oom_kill in {cell.directory}" in said[0]
        assert "GET /greedy for " in said[0]
        assert server.get().text == "modest"


def test_one_that_somebody_else_killed_is_proven_not_to_be(tmp_path: Path, cell: Group) -> None:
    write_app(tmp_path, GREEDY)
    with serve("app", "-w", "2", cwd=tmp_path) as server:
        wire = server.connect()
        wire.send(b"GET /killed HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.at_end()
        (said,) = server.log.wait_for(r"\[ERROR\] Worker .* was killed by SIGKILL.*")
        assert f"Not by the kernel's out-of-memory killer: oom_kill in {cell.directory}" in said[0]
        assert server.get().text == "modest"


LIBRARY = """
import sys
BEFORE = " ".join(sorted({"asyncio", "http.client", "ssl"} & set(sys.modules)))

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [BEFORE.encode()]
"""


@pytest.mark.parametrize(("flags", "found"), [((), b"asyncio http.client ssl"), (("--preload",), b"")])
def test_workers_share_what_applications_import_of_the_standard_library(
    tmp_path: Path, flags: tuple[str, ...], found: bytes
) -> None:
    """With a zygote they share what the application imports, so nobody imports more than that."""
    write_app(tmp_path, LIBRARY)
    with serve("app", *flags, cwd=tmp_path) as server:
        assert server.get().body == found
