"""Each rule of capacity/advice.py on a real server: one load that makes it speak, and it alone; the others are silent.

What a rule says of idle CPUs is true of the machine, which the other tests share: where it had none, that is told.
"""

import contextlib
import http.client
import re
import shlex
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.apps import write_app
from tests.live.cells import cell
from tests.live.limits import open_files
from tests.live.server import PATIENCE_S, Running, command, serve
from tests.live.test_postgres import postgres  # noqa: F401 -- a fixture
from tonnage.capacity.advice import IDLE_CPUS
from tonnage.system import processor

SAID = r"\[WARNING\] (?:Capped by|Could be smaller|Will be capped by memory) ?\(?(\w+)\)?: (.*)"
CLIENTS = 6
APP = """
import os, time

kept = []

def application(environ, start_response):
    word = environ["PATH_INFO"][1:]
    if word == "wait":
        time.sleep(0.05)
    elif word == "burn":
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
    elif word == "leak":
        kept.append(os.urandom(200_000))
    elif word == "query":
        import psycopg
        global connection
        connection = globals().get("connection") or psycopg.connect(os.environ["PG"], autocommit=True)
        connection.execute("select pg_sleep(0.05)")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
"""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write_app(tmp_path, APP)
    return tmp_path


@contextlib.contextmanager
def load(server: Running, path: str, clients: int = CLIENTS) -> Iterator[None]:
    """So many clients that ask again at once."""
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection(server)) as to:
                while not ended.is_set():
                    to.request("GET", path)
                    to.getresponse().read()

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def connection(server: Running) -> http.client.HTTPConnection:
    assert isinstance(server.address, tuple)
    return http.client.HTTPConnection(*server.address, timeout=PATIENCE_S)


def dial(server: Running) -> socket.socket:
    assert isinstance(server.address, tuple)
    return socket.create_connection(server.address)


def said(server: Running) -> list[tuple[str, str]]:
    return re.findall(SAID, server.log.text)


def advice(server: Running, name: str, *, needs_idle_cpus: bool = False) -> str:
    """The text of the only advice that was given, which is this."""
    before, deadline = processor.times(), time.monotonic() + PATIENCE_S
    while not said(server) and time.monotonic() < deadline:
        with contextlib.suppress(AssertionError):
            server.log.wait_for("WARNING", patience=1.0)
    after = processor.times()
    if not said(server) and needs_idle_cpus and before is not None and after is not None:
        idle = processor.idle(before, after)
        if idle < 2 * IDLE_CPUS:
            pytest.skip(f"this machine had {idle:.1f} CPUs idle, too few for the rule to speak")
    ((found, text),) = said(server)
    assert found == name, text
    return text


def test_too_few_workers(site: Path) -> None:
    with serve("app", cwd=site) as server, load(server, "/wait"):
        text = advice(server, "workers", needs_idle_cpus=True)
    assert "--workers 2" in text or "--workers to 2" in text
    assert "--threads" in text


def test_too_little_cpu(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cell(512, 0.2) as made:
        monkeypatch.setenv("TONNAGE", shlex.join(made.within(command())))
        with serve("app", cwd=site) as server, load(server, "/burn"):
            assert "the quota of 0.2 CPUs was used up" in advice(server, "cpu")


def test_threads_that_wait_for_the_interpreter(site: Path) -> None:
    with serve("app", "--threads", "4", cwd=site) as server, load(server, "/burn"):
        with contextlib.suppress(AssertionError):
            server.log.wait_for("Capped by threads")
        found = dict(said(server))
    if "threads" not in found:  # a busy machine does not give the worker the whole CPU that the rule asks for
        pytest.skip("this machine had no whole CPU for a worker, and another one idle")
    assert "all that one interpreter can" in found["threads"]
    assert found.keys() <= {"threads", "workers"}, "either way more workers are the remedy"


def test_a_database_that_is_used_up(site: Path, postgres: str) -> None:  # noqa: F811
    env = {"PG": postgres.replace("postgres://", "postgresql://")}
    with (
        serve("app", "--workers", "2", "--database-connections", "2", cwd=site, env=env) as server,
        load(server, "/query"),
    ):
        assert "2 of 2 database connections" in advice(server, "database")


def test_too_little_memory(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cell(512) as made:
        monkeypatch.setenv("TONNAGE", shlex.join(made.within(command())))
        with serve("app", cwd=site) as server:
            server.get()
            group = made.groups[0].directory
            limit = group / ("memory.max" if made.groups[0].version == 2 else "memory.limit_in_bytes")
            usage = group / ("memory.current" if made.groups[0].version == 2 else "memory.usage_in_bytes")
            limit.write_text(str(int(int(usage.read_text()) * 1.07)))
            assert "are used, and a worker takes" in advice(server, "memory")
            limit.write_text(str(512 << 20))  # it needs some to end


def test_an_accept_queue_that_overflows(site: Path) -> None:
    with serve("app", "--backlog", "4", cwd=site) as server, contextlib.ExitStack() as held, load(server, "/wait", 1):
        for _ in range(8):  # more than the queue holds, and nobody takes them while the worker is busy
            sock = held.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(server.address)
            sock.settimeout(PATIENCE_S)
        with load(server, "/wait", 2 * CLIENTS):
            found = set[str]()
            deadline = time.monotonic() + PATIENCE_S
            while "backlog" not in found and time.monotonic() < deadline:
                found = {name for name, _ in said(server)}
                with contextlib.suppress(AssertionError):
                    server.log.wait_for("Capped by backlog", patience=1.0)
        assert "backlog" in found
        assert found <= {"backlog", "workers"}


def test_descriptors_that_run_out(site: Path) -> None:
    with contextlib.ExitStack() as stack:
        with open_files(64):
            server = stack.enter_context(serve("app", cwd=site))
        for _ in range(45):
            stack.enter_context(dial(server))
        assert "of 64 descriptors open" in advice(server, "files")


def test_clients_that_hold_all_connections(site: Path) -> None:
    with serve("app", "--worker-connections", "10", cwd=site) as server, contextlib.ExitStack() as held:
        for _ in range(10):
            held.enter_context(dial(server))
        assert "slow or idle clients" in advice(server, "slow_clients")


def test_a_leak(site: Path) -> None:
    with serve("app", cwd=site) as server, load(server, "/leak", 1):
        assert "--max-worker-memory" in advice(server, "leak")


def test_more_workers_than_were_ever_needed(site: Path) -> None:
    with serve("app", "--workers", "4", "--oversized-after", "6", cwd=site) as server:
        with load(server, "/", 1):
            server.log.wait_for("Booting worker", 4)
            server.get()
        text = advice(server, "oversized")
    assert re.search("--workers [12] would do", text), text  # 2 where the machine let one client's requests take long
