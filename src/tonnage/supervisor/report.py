"""The operator's view of what happened: one event, one line; what, to whom, what follows, what to do."""

from __future__ import annotations

import errno
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

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
from tonnage.supervisor.state import NEVER
from tonnage.system.processes import how_it_ended

LOUD = 3  # failures in a row that are errors; what follows is the same again

AS_TOLD = (0, 3, 4, -signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL, -signal.SIGABRT)

OfProcess = Abort | Left | Crashed | BootFailure | NotForked | ZygoteLost | Recycled
OfServer = ReloadAbandoned | CrashLoop | TookOver | Proven | NotReloaded | NotUpgraded | HeirLost | Rests | NotScaled

OVERDUE = {
    Overdue.GRACE: "it was still at work %g s after it was asked to drain (limit: --graceful-timeout). "
    "If requests may take that long, raise it.",
    Overdue.BOOT: "it was not ready after %g s.",
}

TO_RAISE = {  # by what a fork, or a channel to the new process, has failed with
    os.strerror(errno.EMFILE): "raise the limit on open files (ulimit -n, LimitNOFILE=)",
    os.strerror(errno.ENFILE): "raise the machine's limit on open files (sysctl fs.file-max)",
    os.strerror(errno.EAGAIN): "raise the limit on processes (ulimit -u, TasksMax=)",
}
OTHERWISE = "raise the limit on processes or memory"


UNASKED = "It is not the first: the application ends its process, or something sends it TERM or INT."


@dataclass(frozen=True, slots=True)
class Said:
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Names:
    """What the policy does not know of a process."""

    pid: Callable[[int], int]  # of an age
    role: Callable[[int], str]  # Worker, Zygote
    in_flight: Callable[[int], str]  # a sentence
    last_words: Callable[[int], str]  # some


def report(event: Report | Abort, names: Names) -> Said:
    match event:
        case Abort() | Left() | Crashed() | BootFailure() | NotForked() | ZygoteLost() | Recycled():
            return _of_process(event, names)
        case _:
            return _of_server(event)


def _of_server(event: OfServer) -> Said:
    match event:
        case ReloadAbandoned():
            said = Said(logging.ERROR, _abandoned(event))
        case CrashLoop(generation, failures, retry_s):
            what = f"Crash loop: workers of generation {generation} have failed {failures} times in a row"
            follows = f"The next is tried in {retry_s:.1f} s, and then ever more rarely. Mend it, then reload."
            said = Said(logging.ERROR, f"{what}; what they died of stands above. {follows}")
        case TookOver(generation, bake_s):
            until = f" The one before it is kept for {bake_s:g} s (--reload-bake)." if bake_s else ""
            said = Said(logging.INFO, f"Generation {generation} has taken over.{until}")
        case Proven(generation, after_s):
            said = Said(logging.INFO, f"Generation {generation} has served for {after_s:g} s: it is the good one now.")
        case NotReloaded():
            said = Said(logging.WARNING, "The server stops: it is not reloaded.")
        case NotUpgraded(reason):
            said = Said(logging.ERROR, f"No new supervisor is started: {reason.rstrip('.')}.")
        case HeirLost(reason, undone):
            text = f"No new supervisor takes over, this one serves on: {reason.rstrip('.')}."
            said = Said(logging.WARNING if undone else logging.ERROR, text)
        case Rests():
            text = "The workers go, another supervisor serves. HUP brings them back; TERM ends this one."
            said = Said(logging.INFO, text)
        case NotScaled(want, limit, setting):
            than = f"{limit} (from {setting})" if setting else f"the {limit} this server was started with room for"
            said = Said(logging.WARNING, f"{want} workers are {'more' if want > limit else 'fewer'} than {than}.")
    return said


def _of_process(event: OfProcess, names: Names) -> Said:
    pid = names.pid(event.age)
    who = f"{names.role(event.age)} (pid: {pid})"
    match event:
        case Abort(_, overdue, after_s, what):
            why = what + "." if what else OVERDUE[overdue] % after_s
            level = logging.ERROR if overdue is Overdue.REQUEST else logging.WARNING
            words = [f"{who} is killed: {why}", names.in_flight(event.age), "Its stacks follow."]
            said = Said(level, " ".join(filter(None, words)))
        case Left(_, code, asked):
            level = logging.INFO if code == 0 or (asked and code in AS_TOLD) else logging.WARNING
            said = Said(level, f"{who} {how_it_ended(code)}.")
        case Crashed(age, code, lived_s, retry_s, failures):
            how = f"{how_it_ended(code)}, {lived_s:.1f} s after it was ready."
            words = [f"{who} {how}", names.last_words(age), "" if code else UNASKED, _what_follows(retry_s, failures)]
            text = " ".join(filter(None, words))
            said = Said(logging.ERROR if failures <= LOUD else logging.WARNING, text)
        case BootFailure():
            said = Said(logging.ERROR if event.failures <= LOUD else logging.WARNING, _boot_failure(event, pid))
        case NotForked(_, reason, retry_s, failures):
            remedy = TO_RAISE.get(reason, OTHERWISE)
            follows = f"{_what_follows(retry_s, failures)} If it stays so, {remedy}."
            said = Said(logging.ERROR, f"No worker could be started: {reason}. {follows}")
        case ZygoteLost(age, generation, code):
            what = f"{who} of generation {generation} {how_it_ended(code)}. {names.last_words(age)}"
            follows = "Its workers serve on; for the next ones the application is loaded again, from the disk."
            said = Said(logging.WARNING, f"{what} {follows}")
        case Recycled(_, reason):
            said = Said(logging.INFO, f"{who} is being replaced: {reason.rstrip('.')}.")
    return said


def _abandoned(event: ReloadAbandoned) -> str:
    given_up = f"Generation {event.generation} is given up"
    if event.was_serving:
        given_up += ": its workers crash"
    text = f"{given_up}, generation {event.back_to} serves on. Mend what is reported above, then reload again."
    if event.from_disk:
        text += (
            f" The workers of generation {event.back_to} that are missing load the code that is on the disk now, for "
            "no image of the old one was kept (--preload keeps one)."
        )
    return text


def _boot_failure(event: BootFailure, pid: int) -> str:
    what = "App failed to load" if event.code == 4 else "Worker failed to boot"
    why = event.reason or f"it {how_it_ended(event.code)} before it was ready, and did not say why"
    detail = "\n" + event.detail.rstrip() if event.detail and event.failures == 1 else ""
    told = f"{what} (pid: {pid}): {why.rstrip('.')}{'' if why.endswith('?') else '.'}"
    if event.retry_s is not None:
        return f"{told} {_what_follows(event.retry_s, event.failures)}".rstrip() + detail
    if event.reason:  # it has its remedy
        return f"{told} The server stops.{detail}"
    return (
        f"{told} The server stops. Check that the application's name, --chdir and --pythonpath are right, "
        f"and that it loads: `tonnage check APP`.{detail}"
    )


def _what_follows(retry_s: float, failures: int) -> str:
    if retry_s == NEVER:
        return ""  # the next line says
    if retry_s == 0:
        return "A new one is started now."
    row = "" if failures <= 1 else f" (failure {failures} in a row)"
    return f"The next is started in {retry_s:.1f} s{row}."
