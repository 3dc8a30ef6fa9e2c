from __future__ import annotations

import json
import logging
import logging.config
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.observe.exchanges import exchange, head_of, refused
from tonnage.config.model import Config
from tonnage.errors import ConfigError
from tonnage.observe import log
from tonnage.observe.access import AT_MOST, AccessLog, open_access_log


def opened(path: Path | str, pattern: str = "%(m)s %(U)s", errors: Path | str = "/dev/null") -> AccessLog:
    config = Config(accesslog=str(path), access_log_format=pattern, errorlog=str(errors))
    log.setup(config)
    access = open_access_log(config)
    assert access is not None
    return access


def test_without_the_setting_there_is_no_access_log() -> None:
    config = Config(errorlog="/dev/null")
    log.setup(config)
    assert open_access_log(config) is None


@pytest.mark.parametrize("accesslog", [None, "-"])
def test_a_wrong_format_stops_the_start_even_where_no_log_is_kept(accesslog: str | None) -> None:
    with pytest.raises(ConfigError, match="no atom"):
        open_access_log(Config(accesslog=accesslog, access_log_format="%(x)s"))


def test_lines_gather_and_go_out_in_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access, write = opened(tmp_path / "log"), os.write
    writes: list[bytes] = []

    def noted(fd: int, data: bytes) -> int:
        writes.append(data)
        return write(fd, data)

    monkeypatch.setattr("tonnage.observe.lines.os.write", noted)
    access(exchange())
    access(refused())
    assert (tmp_path / "log").read_bytes() == b""
    access.flush()
    access.flush()
    assert writes == ["GET /articles/caf\xc3\xa9\n- -\n".encode()]
    assert b"".join(writes) == (tmp_path / "log").read_bytes()


def test_a_worker_too_busy_to_flush_does_not_fill_its_memory(tmp_path: Path) -> None:
    access = opened(tmp_path / "log")
    for _ in range(AT_MOST):
        access(exchange())
    assert (tmp_path / "log").read_bytes().count(b"\n") == AT_MOST


def test_json_by_its_own_switch(tmp_path: Path) -> None:
    access = opened(tmp_path / "log", "json")
    access(exchange())
    access.flush()
    assert json.loads((tmp_path / "log").read_text())["status"] == 200


def test_the_standard_output_is_a_dash(capfd: pytest.CaptureFixture[str]) -> None:
    access = opened("-")
    access(exchange())
    access.flush()
    assert capfd.readouterr().out == "GET /articles/caf\xc3\xa9\n"


def test_lines_before_a_rotation_stay_before_it(tmp_path: Path) -> None:
    access = opened(tmp_path / "log", "%(s)s")
    access(exchange(status="201 Created"))
    (tmp_path / "log").rename(tmp_path / "log.1")
    access.reopen()
    access(exchange(status="202 Accepted"))
    access.flush()
    assert (tmp_path / "log.1").read_text() == "201\n"
    assert (tmp_path / "log").read_text() == "202\n"


def test_reopen_of_all_logs_is_also_a_reopen_of_this_one(tmp_path: Path) -> None:
    """The supervisor has no access log of its own, but workers inherit the file it opened."""
    access = opened(tmp_path / "log", "%(s)s")
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.reopen()
    access(exchange())
    access.flush()
    assert (tmp_path / "log").read_text() == "200\n"


class Poisoned:
    def __str__(self) -> str:
        raise RuntimeError("the application's own fault")


def test_a_line_that_cannot_be_made_fails_no_request_and_is_said_once(tmp_path: Path) -> None:
    access = opened(tmp_path / "log", "%({X}e)s", tmp_path / "errors")
    access(exchange(environ={"X": Poisoned()}))
    access(exchange(environ={"X": Poisoned()}))
    access(exchange(environ={"X": 1}))
    access.flush()
    assert (tmp_path / "log").read_text() == "1\n"
    assert (tmp_path / "errors").read_text().count("[ERROR] access log: no line could be made") == 1


def test_a_full_disk_is_said_in_the_error_log(tmp_path: Path) -> None:
    access = opened("/dev/full", "%(m)s", tmp_path / "errors")
    for _ in range(3):
        access(exchange())
        access.flush()
    assert (tmp_path / "errors").read_text().count("[ERROR] accesslog /dev/full: cannot be written (No space left") == 1


def test_threads_that_write_while_the_loop_flushes_lose_no_line(tmp_path: Path) -> None:
    access = opened(tmp_path / "log", "%(r)s")
    threads, lines, done = 8, 2_000, threading.Event()

    def serve(number: int) -> None:
        moment = exchange(head=head_of(b"GET /%d HTTP/1.1" % number))
        for _ in range(lines):
            access(moment)

    def loop() -> None:
        while not done.is_set():
            access.flush()

    flusher = threading.Thread(target=loop)
    servers = [threading.Thread(target=serve, args=(number,)) for number in range(threads)]
    for thread in (flusher, *servers):
        thread.start()
    for thread in servers:
        thread.join()
    done.set()
    flusher.join()
    access.flush()
    written = (tmp_path / "log").read_text().splitlines()
    assert sorted(written) == sorted(f"GET /{number} HTTP/1.1" for number in range(threads) for _ in range(lines))


WORKERS = """
import os, sys
from tests.unit.observe.exchanges import exchange, head_of
from tonnage.config.model import Config
from tonnage.observe import log
from tonnage.observe.access import open_access_log

config = Config(accesslog=sys.argv[1], errorlog="/dev/null", access_log_format="%(p)s %(r)s")
log.setup(config)
access = open_access_log(config)
go, start = os.pipe()
children = []
for number in range(8):
    if pid := os.fork():
        children.append(pid)
        continue
    os.close(start)
    os.read(go, 1)
    moment = exchange(head=head_of(b"GET /" + b"%d" % number * 300 + b" HTTP/1.1"))
    for turn in range(100):
        for _ in range(20):
            access(moment)
        access.flush()
    os._exit(0)
os.close(start)
os.close(go)
sys.exit(any(os.waitpid(pid, 0)[1] for pid in children))
"""


@pytest.mark.parametrize("target", ["file", "pipe"])
def test_workers_that_inherit_the_file_write_whole_lines_at_once(target: str, tmp_path: Path) -> None:
    path = str(tmp_path / "log") if target == "file" else "-"
    done = subprocess.run([sys.executable, "-c", WORKERS, path], stdout=subprocess.PIPE, check=True)
    lines = (done.stdout if path == "-" else Path(path).read_bytes()).decode().splitlines()
    assert len(lines) == 8 * 100 * 20
    pids = {}
    for line in lines:
        pid, method, path, version = line.split(" ")
        assert (method, version) == ("GET", "HTTP/1.1")
        assert len(path) == 301
        assert len(set(path[1:])) == 1
        pids[pid] = path
    assert len(pids) == 8


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_a_filter_put_on_gunicorns_logger_is_obeyed(tmp_path: Path) -> None:
    """A recipe people have: health checks are kept out of the log."""
    access = opened(tmp_path / "log", "%(m)s %(U)s")
    logging.getLogger("gunicorn.access").addFilter(lambda record: "/health" not in record.getMessage())
    access(exchange(environ={"PATH_INFO": "/health"}))
    access(exchange(environ={"PATH_INFO": "/"}))
    access.flush()
    assert (tmp_path / "log").read_text() == "GET /\n"


def test_a_further_handler_gets_records_with_gunicorns_atoms_and_the_file_its_lines(tmp_path: Path) -> None:
    access, kept = opened(tmp_path / "log", '%(h)s "%(a)s"'), Kept()
    logging.getLogger("gunicorn.access").addHandler(kept)
    access(exchange(environ={"HTTP_USER_AGENT": '"\n', "X": 7}))
    (record,) = kept.records
    assert (record.name, record.levelname, record.msg) == ("tonnage.access", "INFO", '%(h)s "%(a)s"')
    assert record.getMessage() == '127.0.0.1 "\\"\\n"'
    assert isinstance(record.args, Mapping)
    atoms = record.args
    assert [atoms[name] for name in ("s", "b", "B", "D", "l", "{host}i", "{X}e", "{x-cache}o", "zz")] == [
        "200", "1234", 1234, 12345, "-", "example.org", "7", "hit", "-",
    ]  # fmt: skip
    assert {**atoms}["m"] == "GET"
    assert (tmp_path / "log").read_text() == '127.0.0.1 "\\"\\n"\n'


def test_a_level_on_the_logger_silences_it(tmp_path: Path) -> None:
    access = opened(tmp_path / "log")
    logging.getLogger("gunicorn.access").setLevel(logging.ERROR)
    access(exchange())
    access.flush()
    assert (tmp_path / "log").read_text() == ""


def test_json_goes_to_further_handlers_as_it_is(tmp_path: Path) -> None:
    access, kept = opened(tmp_path / "log", "json"), Kept()
    logging.getLogger("tonnage.access").addHandler(kept)
    access(exchange(environ={"PATH_INFO": "/100%(s)s"}))
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert kept.records[0].getMessage() == line
    assert json.loads(line)["path"] == "/100%(s)s"


def test_what_an_application_does_to_logging_while_it_is_loaded_counts(tmp_path: Path) -> None:
    """Django's LOGGING, say: it comes after the server's start, in the worker."""
    access = opened(tmp_path / "ours", "%(m)s")
    logging.config.dictConfig(
        {
            "version": 1,
            "handlers": {"file": {"class": "logging.FileHandler", "filename": str(tmp_path / "theirs")}},
            "loggers": {"gunicorn.access": {"handlers": ["file"], "level": "INFO"}},
        }
    )
    log.settle()
    access(exchange())
    access.flush()
    assert (tmp_path / "theirs").read_text() == "GET\n"
    assert (tmp_path / "ours").read_text() == ""
    assert not log.error_log.disabled
