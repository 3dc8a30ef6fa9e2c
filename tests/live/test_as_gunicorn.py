"""What a Gunicorn configuration means to the process: its environment, directory, logs, umask, threads at the end."""

import os
import signal
from pathlib import Path

import pytest

from tests.live.apps import ASGI_HELLO, HELLO, Gate, write_app
from tests.live.conftest import ASGI, WORKERS
from tests.live.server import serve

SEEN = """
import os

def application(environ, start_response):
    start_response("200 OK", [])
    umask = os.umask(0)
    os.umask(umask)
    return [f"{umask:o} {os.environ.get('FROM_FILE')} {os.environ.get('FROM_HOOK')} {os.environ.get('RAW')}".encode()]
"""
CONFIGURATION = """
import os
os.environ["FROM_FILE"] = open("value").read()
raw_env = ["RAW=" + open("value").read()]

def on_starting(server):
    os.environ["FROM_HOOK"] = "once"
"""


def test_the_umask_is_that_of_whoever_starts_the_server(tmp_path: Path) -> None:
    ours = os.umask(0o027)
    try:
        with serve("app", "--umask", "0", cwd=write_app(tmp_path, SEEN)) as server:
            assert server.get().text.split()[0] == "27"
    finally:
        os.umask(ours)


def test_the_environment_that_configuration_and_hooks_make_survives_a_reload(tmp_path: Path) -> None:
    write_app(tmp_path, SEEN)
    (tmp_path / "gunicorn.conf.py").write_text(CONFIGURATION)
    (tmp_path / "value").write_text("first")
    with serve("app", "--workers", "1", cwd=tmp_path) as server:
        assert server.get().text.split()[1:] == ["first", "once", "first"]
        (tmp_path / "value").write_text("second")
        server.signal(signal.SIGHUP)
        server.log.wait_for(r"Worker \(pid: \d+\) exited")
        assert server.get().text.split()[1:] == ["second", "once", "second"]
        (tmp_path / "gunicorn.conf.py").write_text("")
        server.signal(signal.SIGHUP)
        server.log.wait_for(r"Worker \(pid: \d+\) exited", times=2)
        assert server.get().text.split()[1:] == ["second", "once", "None"]


INI = """
[loggers]
keys=root,error,access
[handlers]
keys=file
[formatters]
keys=plain
[logger_root]
level=INFO
handlers=file
[logger_error]
level=INFO
handlers=file
qualname=gunicorn.error
propagate=0
[logger_access]
level=INFO
handlers=file
qualname=gunicorn.access
propagate=0
[handler_file]
class=FileHandler
formatter=plain
args=("all.log",)
[formatter_plain]
format=INI %(message)s
"""


@pytest.mark.parametrize("flags", [["--access-logfile", "all.log"], ["--log-config", "log.ini"]])
def test_relative_names_of_logs_are_those_of_chdir_before_and_after_a_reload(tmp_path: Path, flags: list[str]) -> None:
    site = tmp_path / "site"
    site.mkdir()
    write_app(site, HELLO)
    (site / "log.ini").write_text(INI)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with serve("app", "--chdir", "../site", *flags, cwd=elsewhere) as server:
        assert server.get("/before").status == 200
        server.signal(signal.SIGHUP)
        while "Generation 2 has taken over" not in (site / "all.log").read_text() + server.log.text:
            assert server.process.poll() is None
        assert server.get("/after").status == 200
    text = (site / "all.log").read_text()
    assert "GET /before " in text
    assert "GET /after " in text
    assert list(elsewhere.iterdir()) == []


def test_a_reload_with_a_broken_logging_configuration_leaves_the_logs_as_they_were(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    (tmp_path / "log.ini").write_text(INI.replace("FileHandler", "StreamHandler").replace('"all.log",', "sys.stderr,"))
    with serve("app", "--log-config", "log.ini", cwd=tmp_path) as server:
        (tmp_path / "log.ini").write_text(INI.replace("class=FileHandler", "class=NoSuchHandler"))
        server.signal(signal.SIGHUP)
        server.log.wait_for("INI Nothing is reloaded, the server goes on as it was: logconfig = log.ini")
        server.signal(signal.SIGTTIN)
        server.log.wait_for("INI Handling signal: ttin")
        assert server.get("/logged").status == 200
        server.log.wait_for('INI 127.0.0.1 .*"GET /logged ')
    assert "] [INFO]" not in server.log.text
    assert server.log.text.count("Handling signal: ttin") == 1


def test_the_configuration_is_a_module_by_gunicorn_s_name_for_it(tmp_path: Path) -> None:
    write_app(tmp_path, HELLO)
    (tmp_path / "gunicorn.conf.py").write_text("""
from __future__ import annotations
import logging
from dataclasses import dataclass

@dataclass
class Numbers:
    workers: int = 1

class Loud(logging.Formatter):
    def format(self, record):
        return "LOUD " + super().format(record)

workers = Numbers().workers
logconfig_dict = {
    "formatters": {"generic": {"()": "__config__.Loud"}},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["error_console"], "propagate": False}},
}
""")
    with serve("app", cwd=tmp_path) as server:
        server.log.wait_for("LOUD Listening at")
        server.signal(signal.SIGHUP)
        server.log.wait_for("LOUD Generation 2 has taken over")


BACKGROUND = """
import threading
from concurrent.futures import ThreadPoolExecutor
from gates import pass_gate

executor = ThreadPoolExecutor(1)

def work(name):
    pass_gate(name)
    open(name + ".done", "w").close()

def begin(path):
    if path == "/thread":
        threading.Thread(target=work, args=("thread",)).start()
    elif path == "/pool":
        executor.submit(work, "pool")
"""
WSGI = BACKGROUND + HELLO.replace("    start_", '    begin(environ["PATH_INFO"])\n    start_')
ASGI_APP = BACKGROUND + ASGI_HELLO.replace("    await", '    begin(scope.get("path"))\n    await', 1)


@pytest.mark.parametrize("kind", [*WORKERS, *ASGI])
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_threads_that_the_application_has_started_may_finish(tmp_path: Path, kind: str, number: signal.Signals) -> None:
    write_app(tmp_path, ASGI_APP if kind in ASGI else WSGI)
    gates = [Gate(tmp_path, name) for name in ("thread", "pool")]
    name = "app:app" if kind in ASGI else "app"
    with serve(name, *{**WORKERS, **ASGI}[kind], cwd=tmp_path) as server:
        (worker,) = server.workers()
        assert [server.get(path).status for path in ("/thread", "/pool")] == [200, 200]
        for gate in gates:
            gate.wait_until_reached()
        server.signal(number)
        server.log.wait_for(rf"Handling signal: {'hup' if number == signal.SIGHUP else 'term'}")
        if number == signal.SIGHUP:
            server.log.wait_for("Generation 2 has taken over")
        for gate in gates:
            gate.open()
        server.log.wait_for(rf"Worker \(pid: {worker}\) exited with code 0")
        assert [(tmp_path / f"{name}.done").exists() for name in ("thread", "pool")] == [True, True]


def test_a_quick_stop_waits_for_no_thread(tmp_path: Path) -> None:
    gate = Gate(write_app(tmp_path, WSGI), "thread")
    with serve("app", cwd=tmp_path) as server:
        assert server.get("/thread").status == 200
        gate.wait_until_reached()
        server.signal(signal.SIGINT)
        assert server.wait() == 0
