"""The shows, as data: what happens while the load runs, what the server is asked for, and what may be lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import acts
from .outcomes import Failure
from .peers import Ability, Wants
from .stage import Stage

RELOAD = frozenset({Ability.RELOAD})
BOOT_TIMEOUT_S = 2
ORDINARY = Wants()


@dataclass(frozen=True, slots=True)
class Burst:
    """So many requests at once to every socket, all sent before anything happens; instead of a steady load."""

    count: int
    path: str
    sockets: tuple[str, ...] = ("tcp",)


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    act: Callable[[Stage], None]
    needs: frozenset[Ability] = frozenset()
    wants: Wants = ORDINARY
    slow_import: bool = False  # of Pace.import_s
    always_on: bool = False  # there is no quiet time in it: the quiet server is another one
    renews: bool = False  # more processes answer than there are at a time, or it has not happened
    burst: Burst | None = None
    excuse: Callable[[Stage, Failure], bool] = lambda _stage, _failure: False
    excused: str = ""  # in words
    told: tuple[str, ...] = ()  # what our log has to say: regular expressions
    traces: bool = False  # a traceback in our log is right


def recycling(workers: int) -> Scenario:
    return Scenario(
        f"recycle-{workers}",
        f"Recycling every 20 requests, {workers} worker{'s' * (workers > 1)}, slow import",
        acts.recycle,
        frozenset({Ability.RECYCLE}),
        Wants(workers=workers, max_requests=20),
        slow_import=True,
        always_on=True,
        renews=True,
    )


SCENARIOS = (
    Scenario("quiet", "Nothing happens", acts.nothing),
    Scenario("reload", "50 reloads in a row", acts.reload_in_a_row, RELOAD, renews=True),
    Scenario("reload-import-error", "Reload onto an import error", acts.reload_onto_import_error, RELOAD, traces=True),
    Scenario(
        "reload-error-kill",
        "The same, then `kill -9` of a worker",
        acts.reload_onto_import_error_and_kill,
        RELOAD,
        Wants(preload=True),
        excuse=Stage.was_killed_with,
        excused="with the worker when it was killed",
        traces=True,
    ),
    Scenario(
        "reload-settings",
        "Reload onto a syntax error in the settings",
        acts.reload_onto_bad_settings,
        frozenset({Ability.SETTINGS}),
    ),
    Scenario(
        "reload-hang",
        "Reload onto a hang at import",
        acts.reload_onto_hang,
        RELOAD,
        Wants(boot_timeout_s=BOOT_TIMEOUT_S),
    ),
    Scenario("reload-exit", "Reload onto `sys.exit(1)` at import", acts.reload_onto_exit, RELOAD, traces=True),
    Scenario(
        "reload-crash",
        "Reload onto a crash at the 20th request",
        acts.reload_onto_crash,
        RELOAD,
        Wants(preload=True),
        excuse=Stage.was_before_it_went_back,
        excused="inside a worker that crashed before the server went back to the good release",
    ),
    *map(recycling, (1, 2, 3, 4)),
    Scenario(
        "stop-queue",
        "TERM with 50 requests queued",
        acts.stop,
        wants=Wants(workers=1),
        burst=Burst(50, "/held/20", ("tcp", "unix")),
    ),
    Scenario(
        "kill-worker",
        "`kill -9` of a worker",
        acts.kill_workers,
        excuse=Stage.was_killed_with,
        excused="with the worker when it was killed",
        told=("SIGKILL",),
    ),
    Scenario(
        "kill-supervisor",
        "`kill -9` of the supervisor, each worker with a request",
        acts.kill_supervisor,
        burst=Burst(2, "/held/1000"),
    ),
    Scenario(
        "kill-zygote",
        "`kill -9` of the zygote",
        acts.kill_zygote,
        frozenset({Ability.ZYGOTE}),
        Wants(preload=True),
        told=(r"Zygote \(pid: \d+\).* was killed by SIGKILL",),
    ),
    Scenario("scale", "To 8 workers and back", acts.scale, frozenset({Ability.SCALE}), renews=True),
    Scenario("upgrade", "Upgrade by USR2", acts.upgrade, frozenset({Ability.UPGRADE}), renews=True),
    Scenario("rollback", "Upgrade by USR2, and back", acts.roll_back, frozenset({Ability.UPGRADE})),
)
