"""The operator's view of what happened: one event, one line; what, to whom, what follows, what to do."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable

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
from tonnage.system.processes import how_it_ended

PidOf = Callable[[int], int]  # of a worker's age

AS_TOLD = (0, 3, 4, -signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL)

OVERDUE = {
    Overdue.GRACE: "it was still at work %g s after it was asked to drain (limit: --graceful-timeout). "
    "If requests may take that long, raise it.",
    Overdue.QUIT: "it was still there %g s after it was told to exit.",
}


def report_kill(log: logging.Logger, order: Kill, pid_of: PidOf) -> None:
    if order.overdue in OVERDUE:  # a boot that took too long is reported as a failed boot
        log.warning("Worker (pid: %d) is killed: %s", pid_of(order.age), OVERDUE[order.overdue] % order.after_s)


def report(log: logging.Logger, event: Report, pid_of: PidOf) -> None:
    match event:
        case Left(age, code, asked):
            level = logging.INFO if code == 0 or (asked and code in AS_TOLD) else logging.WARNING
            log.log(level, "Worker (pid: %d) %s.", pid_of(age), how_it_ended(code))
        case Crashed(age, code, lived_s):
            log.error(
                "Worker (pid: %d) %s, %.1f s after it was ready. %s",
                pid_of(age),
                how_it_ended(code),
                lived_s,
                _what_follows(event.retry_s, event.failures),
            )
        case BootFailure():
            _report_boot_failure(log, event, pid_of(event.age))
        case NotForked(_, reason, retry_s, failures):
            log.error(
                "No worker could be started: %s. %s If it stays so, raise the limit on processes or memory.",
                reason,
                _what_follows(retry_s, failures),
            )
        case ReloadAbandoned(generation, back_to):
            log.error(
                "Generation %d is given up, generation %d serves on. Mend what is reported above, then reload again.",
                generation,
                back_to,
            )
        case NotScaled(want, most):
            log.warning("%d workers are more than the %d this server was started with room for.", want, most)


def _report_boot_failure(log: logging.Logger, event: BootFailure, pid: int) -> None:
    what = "App failed to load" if event.code == 4 else "Worker failed to boot"
    why = event.reason or f"it {how_it_ended(event.code)} before it was ready, and did not say why"
    detail = "\n" + event.detail.rstrip() if event.detail and event.failures == 1 else ""
    if event.retry_s is not None:
        follows = _what_follows(event.retry_s, event.failures)
        log.error("%s (pid: %d): %s. %s%s", what, pid, why.rstrip("."), follows, detail)
        return
    log.error(
        "%s (pid: %d): %s. The server stops. Check that the application's name, --chdir and --pythonpath are right, "
        "and that it loads: `tonnage check APP`.%s",
        what,
        pid,
        why.rstrip("."),
        detail,
    )


def _what_follows(retry_s: float, failures: int) -> str:
    if retry_s == 0:
        return "A new one is started now."
    row = "" if failures == 1 else f" (failure {failures} in a row)"
    return f"The next is started in {retry_s:.1f} s{row}."
