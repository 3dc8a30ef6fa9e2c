from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonnage.config.model import Config
from tonnage.errors import ConfigError
from tonnage.observe import log
from tonnage.observe.records import JsonFormatter, LineHandler, TextFormatter

SHAPE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[(\d+)\] \[([A-Z]+)\] (.*)")


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The error log, set up with all defaults."""
    log.setup(Config(errorlog=str(tmp_path / "errors")))
    return tmp_path / "errors"


def test_a_line_has_gunicorns_shape(path: Path) -> None:
    logging.getLogger("tonnage.error").info("Listening at: %s (%d)", "http://127.0.0.1:8000", 7)
    (line,) = lines(path)
    found = SHAPE.fullmatch(line)
    assert found is not None
    assert found.groups() == (str(os.getpid()), "INFO", "Listening at: http://127.0.0.1:8000 (7)")


@pytest.mark.parametrize(
    ("level", "written"),
    [("debug", "DIWEC"), ("info", "IWEC"), ("warning", "WEC"), ("error", "EC"), ("critical", "C")],
)
def test_what_is_below_the_level_is_not_written(level: str, written: str, tmp_path: Path) -> None:
    log.setup(Config(errorlog=str(tmp_path / "errors"), loglevel=level))  # type: ignore[arg-type]
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(log.error_log, name)("x")
    assert "".join(line.split("] [")[2][0] for line in lines(tmp_path / "errors")) == written


def test_it_goes_to_stderr_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    log.setup(Config())
    log.error_log.warning("x")
    out, err = capfd.readouterr()
    assert (out, err.endswith("[WARNING] x\n")) == ("", True)


def test_a_traceback_follows_its_line(path: Path) -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        log.error_log.exception("Error handling request %s", "/x")
    first, *rest = lines(path)
    assert first.endswith("[ERROR] Error handling request /x")
    assert (rest[0], rest[-1]) == ("Traceback (most recent call last):", "ValueError: bad")


@given(st.text(st.characters()) | st.text(st.sampled_from("\n[\r\x1b\x85\u2028\ud800 x")))
def test_no_message_can_forge_a_second_line(text: str) -> None:
    record = logging.LogRecord("tonnage.error", logging.ERROR, "", 0, "%s", (text,), None)
    first, *rest = TextFormatter().format(record).split("\n")
    assert SHAPE.fullmatch(first)
    assert len(rest) == text.count("\n")
    for line in (first, *rest):
        assert line.replace("\t", "").isprintable()
    assert not any(line.startswith("[") for line in rest)


@given(st.text(st.characters()) | st.text(st.sampled_from('\n["\\\r\x1b\x85\u2028\ud800 x')))
def test_json_is_one_object_a_line(text: str) -> None:
    try:
        raise RuntimeError(text)
    except RuntimeError:
        caught = sys.exc_info()
    record = logging.LogRecord("tonnage.error", logging.ERROR, "", 0, "%s", (text,), caught)
    line = JsonFormatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line)
    said = text.encode("utf-8", "backslashreplace").decode()
    assert (found["level"], found["logger"], found["message"]) == ("ERROR", "tonnage.error", said)
    assert found["pid"] == os.getpid()
    assert "T" in found["time"]
    assert found["traceback"].startswith("Traceback (most recent call last):")
    assert said.rstrip("\n") in found["traceback"]


def test_json_by_its_switch(tmp_path: Path) -> None:
    log.setup(Config(errorlog=str(tmp_path / "errors"), log_format="json"))
    log.error_log.info("one\ntwo", stack_info=True)
    (line,) = lines(tmp_path / "errors")
    found = json.loads(line)
    assert list(found) == ["time", "pid", "level", "logger", "message", "stack"]


def test_a_call_with_the_wrong_arguments_fails_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log.setup(Config(errorlog=str(tmp_path / "errors")))
    log.error_log.info("%d", "x")
    assert lines(tmp_path / "errors") == []
    assert "--- Logging error ---" in capfd.readouterr().err


def test_both_logs_are_reopened_after_a_rotation(tmp_path: Path) -> None:
    log.setup(Config(errorlog=str(tmp_path / "errors"), accesslog=str(tmp_path / "access")))
    for name in ("errors", "access"):
        (tmp_path / name).rename(tmp_path / f"{name}.1")
    log.reopen()
    log.error_log.info("new")
    log.access_log.info("new")
    assert (len(lines(tmp_path / "errors")), len(lines(tmp_path / "errors.1"))) == (1, 0)
    assert (lines(tmp_path / "access"), lines(tmp_path / "access.1")) == (["new"], [])


def test_a_second_set_up_replaces_the_first(tmp_path: Path) -> None:
    log.setup(Config(errorlog=str(tmp_path / "one"), accesslog=str(tmp_path / "access")))
    log.setup(Config(errorlog=str(tmp_path / "two")))
    log.error_log.info("x")
    assert (len(lines(tmp_path / "one")), len(lines(tmp_path / "two"))) == (0, 1)
    assert log.access_log.handlers == []


@pytest.mark.parametrize("name", ["errorlog", "accesslog"])
def test_a_file_that_cannot_be_opened_stops_the_start(name: str, tmp_path: Path) -> None:
    files = {"errorlog": "/dev/null", name: str(tmp_path / "missing" / "log")}
    with pytest.raises(ConfigError, match=f"{name} = .*missing/log cannot be opened for writing: No such file"):
        log.setup(Config(**files))  # type: ignore[arg-type]


def test_trouble_of_the_error_log_is_said_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    log.setup(Config(errorlog="/dev/full"))
    log.error_log.info("one")
    log.error_log.info("two")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("tonnage: errorlog /dev/full: cannot be written (No space left on device)")


def test_when_the_disk_has_room_again_the_error_log_says_how_much_is_missing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:

        def refuse(_fd: int, _data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr("tonnage.observe.lines.os.write", refuse)
        log.error_log.info("lost")
    log.error_log.info("kept")
    kept, said = lines(path)
    assert kept.endswith("[INFO] kept")
    assert "[WARNING]" in said
    assert re.search(r"can be written again; \d lines were lost", said)


def test_our_loggers_do_not_speak_through_the_root(path: Path) -> None:
    stream = io.StringIO()
    logging.root.addHandler(logging.StreamHandler(stream))
    log.error_log.warning("x")
    assert stream.getvalue() == ""


def test_an_application_may_borrow_the_handlers_by_gunicorns_name(path: Path) -> None:
    """As the Flask documentation teaches."""
    ours = logging.getLogger("gunicorn.error")
    theirs = logging.getLogger("borrower")
    theirs.handlers = ours.handlers
    theirs.setLevel(ours.level)
    theirs.info("hello")
    assert [line.rpartition("] ")[2] for line in lines(path)] == ["hello"]


def test_a_filter_set_before_we_were_there_is_kept(tmp_path: Path) -> None:
    """By a configuration file: it runs before logging is set up."""
    early = type(log.error_log)("gunicorn.error")
    early.addFilter(lambda record: "noise" not in record.getMessage())
    logging.root.manager.loggerDict["gunicorn.error"] = early
    log.setup(Config(errorlog=str(tmp_path / "errors")))
    log.error_log.info("noise")
    log.error_log.info("sense")
    assert len(lines(tmp_path / "errors")) == 1


def test_files_of_the_application_are_reopened_too(path: Path, tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "app", mode="w", encoding="latin-1")
    unused = logging.FileHandler(tmp_path / "unused", delay=True)
    logging.root.addHandler(handler)
    logging.root.warning("caf\xe9")
    logging.root.addHandler(unused)
    (tmp_path / "app").rename(tmp_path / "app.1")
    log.reopen()
    logging.root.removeHandler(unused)
    logging.root.warning("th\xe9")
    handler.flush()
    assert (tmp_path / "app.1").read_bytes() == b"caf\xe9\n"
    assert (tmp_path / "app").read_bytes() == b"th\xe9\n"


def test_a_file_of_the_application_that_cannot_be_reopened_is_kept_and_said(path: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    handler = logging.FileHandler(tmp_path / "logs" / "app")
    logging.root.addHandler(handler)
    (tmp_path / "logs").rename(tmp_path / "moved")
    log.reopen()
    logging.root.warning("still")
    assert lines(tmp_path / "moved" / "app") == ["still"]
    assert "cannot be reopened" in lines(path)[0]


PRINTS = """
import os, sys
from tonnage.config.model import Config
from tonnage.observe import log

log.setup(Config(errorlog=sys.argv[1], capture_output=True))
print("printed", flush=True)
os.write(2, b"raw\\n")
os.rename(sys.argv[1], sys.argv[1] + ".1")
log.reopen()
print("after", flush=True)
os.execvp("echo", ["echo", "child"])
"""


def test_what_the_application_prints_is_captured_before_and_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "errors"
    done = subprocess.run([sys.executable, "-c", PRINTS, str(path)], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert lines(tmp_path / "errors.1") == ["printed", "raw"]
    assert lines(path) == ["after", "child"]


def test_an_application_that_closes_all_handlers_does_not_close_our_file(path: Path) -> None:
    """logging.config does, to every handler there is."""
    handler = next(each for each in log.error_log.handlers if isinstance(each, LineHandler))
    handler.close()
    log.error_log.info("x")
    assert len(lines(path)) == 1
