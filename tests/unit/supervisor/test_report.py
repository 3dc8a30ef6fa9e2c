"""Each line says what happened, to whom, what follows and what to do; the level says who should care."""

import logging

import pytest

from tonnage.supervisor.orders import (
    Abort,
    BootFailure,
    Crashed,
    CrashLoop,
    HeirLost,
    Left,
    NotForked,
    NotReloaded,
    NotScaled,
    NotUpgraded,
    Overdue,
    Proven,
    Recycled,
    ReloadAbandoned,
    Report,
    Rests,
    TookOver,
    ZygoteLost,
)
from tonnage.supervisor.report import Names, report
from tonnage.supervisor.state import NEVER

NAMES = Names(
    pid=lambda age: 100 + age,
    role=lambda age: "Worker",
    in_flight=lambda age: f"In flight in {age}.",
    last_words=lambda age: f"Last words of {age}.",
)


def said(event: Report | Abort) -> tuple[str, str]:
    told = report(event, NAMES)
    return logging.getLevelName(told.level), told.text


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
            (
                "Worker (pid: 101) was killed by SIGSEGV, 99.9 s after it was ready. Last words of 1. "
                "A new one is started now."
            ),
        ),
        (
            Crashed(1, 0, 0.06, 0.5, 1),
            "ERROR",
            (
                "Worker (pid: 101) exited with code 0, 0.1 s after it was ready. Last words of 1. It is not the first: "
                "the application ends its process, or something sends it TERM or INT. The next is started in 0.5 s."
            ),
        ),
        (
            Crashed(1, 255, 1.0, 4.0, 4),
            "WARNING",
            (
                "Worker (pid: 101) exited with code 255, 1.0 s after it was ready. Last words of 1. "
                "The next is started in 4.0 s (failure 4 in a row)."
            ),
        ),
        (
            BootFailure(1, 3, "ImportError: x", "Traceback\n", retry_s=0.5),
            "ERROR",
            "Worker failed to boot (pid: 101): ImportError: x. The next is started in 0.5 s.\nTraceback",
        ),
        (
            BootFailure(1, 4, "no 'ap'; did you mean app?", "", retry_s=0.5),
            "ERROR",
            "App failed to load (pid: 101): no 'ap'; did you mean app? The next is started in 0.5 s.",
        ),
        (
            BootFailure(1, 4, "no attribute 'app'.", "Traceback\n", retry_s=8.0, failures=5),
            "WARNING",
            "App failed to load (pid: 101): no attribute 'app'. The next is started in 8.0 s (failure 5 in a row).",
        ),
        (
            BootFailure(1, 3, "there is no module 'ap'. Start from the project's directory.", ""),
            "ERROR",
            (
                "Worker failed to boot (pid: 101): there is no module 'ap'. Start from the project's directory. "
                "The server stops."
            ),
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
            NotForked(1, "its zygote is gone", 0.5, 1),
            "ERROR",
            (
                "No worker could be started: its zygote is gone. The next is started in 0.5 s. "
                "If it stays so, raise the limit on processes or memory."
            ),
        ),
        (
            NotForked(1, "Too many open files", 0.5, 1),
            "ERROR",
            (
                "No worker could be started: Too many open files. The next is started in 0.5 s. "
                "If it stays so, raise the limit on open files (ulimit -n, LimitNOFILE=)."
            ),
        ),
        (
            NotForked(1, "Too many open files in system", 1, 2),
            "ERROR",
            (
                "No worker could be started: Too many open files in system. The next is started in 1.0 s "
                "(failure 2 in a row). If it stays so, raise the machine's limit on open files (sysctl fs.file-max)."
            ),
        ),
        (
            NotForked(1, "Resource temporarily unavailable", 0.5, 1),
            "ERROR",
            (
                "No worker could be started: Resource temporarily unavailable. The next is started in 0.5 s. "
                "If it stays so, raise the limit on processes (ulimit -u, TasksMax=)."
            ),
        ),
        (
            ReloadAbandoned(2, 1),
            "ERROR",
            "Generation 2 is given up, generation 1 serves on. Mend what is reported above, then reload again.",
        ),
        (
            Crashed(1, -11, 1.0, NEVER, 1),
            "ERROR",
            "Worker (pid: 101) was killed by SIGSEGV, 1.0 s after it was ready. Last words of 1.",
        ),
        (
            BootFailure(1, 3, "ImportError: x", "Traceback\n", retry_s=NEVER),
            "ERROR",
            "Worker failed to boot (pid: 101): ImportError: x.\nTraceback",
        ),
        (
            ReloadAbandoned(3, 1, was_serving=True, from_disk=True),
            "ERROR",
            (
                "Generation 3 is given up: its workers crash, generation 1 serves on. Mend what is reported above, "
                "then reload again. The workers of generation 1 that are missing load the code that is on the disk "
                "now, for no image of the old one was kept (--preload keeps one)."
            ),
        ),
        (
            CrashLoop(2, 3, 2.0),
            "ERROR",
            (
                "Crash loop: workers of generation 2 have failed 3 times in a row; what they died of stands above. "
                "The next is tried in 2.0 s, and then ever more rarely. Mend it, then reload."
            ),
        ),
        (
            ZygoteLost(1, 2, -9),
            "WARNING",
            (
                "Worker (pid: 101) of generation 2 was killed by SIGKILL. Last words of 1. Its workers serve on; "
                "for the next ones the application is loaded again, from the disk."
            ),
        ),
        (TookOver(2, 0.0), "INFO", "Generation 2 has taken over."),
        (
            TookOver(2, 30.0),
            "INFO",
            "Generation 2 has taken over. The one before it is kept for 30 s (--reload-bake).",
        ),
        (Proven(2, 30.0), "INFO", "Generation 2 has served for 30 s: it is the good one now."),
        (
            NotUpgraded("no worker serves yet, or no more"),
            "ERROR",
            "No new supervisor is started: no worker serves yet, or no more.",
        ),
        (
            HeirLost("supervisor 7 exited with code 3"),
            "ERROR",
            "No new supervisor takes over, this one serves on: supervisor 7 exited with code 3.",
        ),
        (
            HeirLost("supervisor 7 exited with code 0", undone=True),
            "WARNING",
            "No new supervisor takes over, this one serves on: supervisor 7 exited with code 0.",
        ),
        (
            Rests(),
            "INFO",
            "The workers go, another supervisor serves. HUP brings them back; TERM ends this one.",
        ),
        (NotReloaded(), "WARNING", "The server stops: it is not reloaded."),
        (
            Recycled(1, "it has answered 20 requests (--max-requests)"),
            "INFO",
            "Worker (pid: 101) is being replaced: it has answered 20 requests (--max-requests).",
        ),
        (
            Abort(1, Overdue.GRACE, 30.0),
            "WARNING",
            (
                "Worker (pid: 101) is killed: it was still at work 30 s after it was asked to drain "
                "(limit: --graceful-timeout). If requests may take that long, raise it. In flight in 1. "
                "Its stacks follow."
            ),
        ),
        (
            Abort(1, Overdue.BOOT, 60.0),
            "WARNING",
            "Worker (pid: 101) is killed: it was not ready after 60 s. In flight in 1. Its stacks follow.",
        ),
        (
            Abort(1, Overdue.REQUEST, 0.0, "it has had GET /x for 32.0 s (limit: --timeout 30)"),
            "ERROR",
            (
                "Worker (pid: 101) is killed: it has had GET /x for 32.0 s (limit: --timeout 30). In flight in 1. "
                "Its stacks follow."
            ),
        ),
        (NotScaled(5, 4, "--max-workers"), "WARNING", "5 workers are more than 4 (from --max-workers)."),
        (NotScaled(1, 2, "--min-workers"), "WARNING", "1 workers are fewer than 2 (from --min-workers)."),
        (NotScaled(9, 8), "WARNING", "9 workers are more than the 8 this server was started with room for."),
    ],
)
def test_the_line(event: Report | Abort, level: str, text: str) -> None:
    assert said(event) == (level, text)
