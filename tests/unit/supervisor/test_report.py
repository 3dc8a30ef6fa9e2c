"""Each line says what happened, to whom, what follows and what to do; the level says who should care."""

import logging

import pytest

from tonnage.supervisor.orders import (
    BootFailure,
    Crashed,
    Kill,
    Left,
    NotForked,
    NotScaled,
    Overdue,
    ReloadAbandoned,
    Report,
)
from tonnage.supervisor.report import report, report_kill

LOG = logging.getLogger("tonnage.test")


def said(caplog: pytest.LogCaptureFixture, event: Report) -> tuple[str, str]:
    caplog.set_level(logging.DEBUG)
    report(LOG, event, lambda age: 100 + age)
    (record,) = caplog.records
    return record.levelname, record.getMessage()


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (Left(1, 0, asked=True), "INFO", "Worker (pid: 101) exited with code 0."),
        (Left(1, 0, asked=False), "INFO", "Worker (pid: 101) exited with code 0."),
        (Left(1, -9, asked=True), "INFO", "Worker (pid: 101) was killed by SIGKILL."),
        (Left(1, -11, asked=True), "WARNING", "Worker (pid: 101) was killed by SIGSEGV."),
        (
            Crashed(1, -11, 99.94, 0.0, 0),
            "ERROR",
            "Worker (pid: 101) was killed by SIGSEGV, 99.9 s after it was ready. A new one is started now.",
        ),
        (
            Crashed(1, 255, 1.0, 4.0, 4),
            "ERROR",
            (
                "Worker (pid: 101) exited with code 255, 1.0 s after it was ready. The next is started in 4.0 s "
                "(failure 4 in a row)."
            ),
        ),
        (
            BootFailure(1, 3, "ImportError: x", "Traceback\n", retry_s=0.5),
            "ERROR",
            "Worker failed to boot (pid: 101): ImportError: x. The next is started in 0.5 s.\nTraceback",
        ),
        (
            BootFailure(1, 4, "no attribute 'app'.", "Traceback\n", retry_s=8.0, failures=5),
            "ERROR",
            "App failed to load (pid: 101): no attribute 'app'. The next is started in 8.0 s (failure 5 in a row).",
        ),
        (
            BootFailure(1, -6, "", ""),
            "ERROR",
            (
                "Worker failed to boot (pid: 101): it was killed by SIGABRT before it was ready, and did not say why. "
                "The server stops. Check that the application's name, --chdir and --pythonpath are right, and that it "
                "loads: `tonnage check APP`."
            ),
        ),
        (
            NotForked(1, "EAGAIN", 0.5, 1),
            "ERROR",
            (
                "No worker could be started: EAGAIN. The next is started in 0.5 s. "
                "If it stays so, raise the limit on processes or memory."
            ),
        ),
        (
            ReloadAbandoned(2, 1),
            "ERROR",
            "Generation 2 is given up, generation 1 serves on. Mend what is reported above, then reload again.",
        ),
        (NotScaled(9, 8), "WARNING", "9 workers are more than the 8 this server was started with room for."),
    ],
)
def test_the_line(caplog: pytest.LogCaptureFixture, event: Report, level: str, text: str) -> None:
    assert said(caplog, event) == (level, text)


@pytest.mark.parametrize(
    ("overdue", "text"),
    [
        (Overdue.GRACE, "it was still at work 30 s after it was asked to drain (limit: --graceful-timeout)."),
        (Overdue.QUIT, "it was still there 30 s after it was told to exit."),
    ],
)
def test_a_kill_names_the_limit_that_was_passed(caplog: pytest.LogCaptureFixture, overdue: Overdue, text: str) -> None:
    report_kill(LOG, Kill(1, overdue, 30.0), lambda age: 100 + age)
    assert caplog.records[0].getMessage().startswith(f"Worker (pid: 101) is killed: {text}")


def test_a_boot_that_took_too_long_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    report_kill(LOG, Kill(1, Overdue.BOOT, 60.0), lambda age: 100 + age)
    assert caplog.records == []
