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
    about: str
    act: Callable[[Stage], None]
    needs: frozenset[Ability] = frozenset()
    wants: Wants = ORDINARY
    ours_alone: bool = False  # its neighbour says enough about the others
    slow_import: bool = False  # of Pace.import_s
    always_on: bool = False  # there is no quiet time in it: the quiet server is another one
    slow: bool = False  # some requests take long
    renews: bool = False  # more processes answer than there are at a time, or it has not happened
    burst: Burst | None = None
    excuse: Callable[[Stage, Failure], bool] = lambda _stage, _failure: False
    excused: str = ""  # in words
    told: tuple[str, ...] = ()  # what our log has to say: regular expressions
    traces: bool = False  # a traceback in our log is right

    @property
    def kind(self) -> str:
        """What its quiet p99 depends on."""
        return f"{self.wants.workers} workers{', slow requests' * self.slow}"


GIVEN_UP = r"Generation 2 is given up(: its workers crash)?, generation 1 serves on"
WITH_ITS_WORKER = "with the worker when it was killed"


def broken(name: str, what: str, act: Callable[[Stage], None], *told: str, ours_alone: bool = False) -> Scenario:
    return Scenario(
        f"reload-{name}",
        f"Reload onto {what}",
        "SIGHUP, while the new release cannot be loaded.",
        act,
        RELOAD,
        Wants(boot_timeout_s=BOOT_TIMEOUT_S),
        ours_alone,
        told=(GIVEN_UP, *told),
        traces=True,
    )


def recycling(workers: int) -> Scenario:
    return Scenario(
        f"recycle-{workers}",
        f"Recycling every 20 requests, {workers} worker{'s' * (workers > 1)}",
        "Each worker is replaced after 20 requests, by one that takes 3 s to import the application.",
        acts.recycle,
        frozenset({Ability.RECYCLE}),
        Wants(workers=workers, max_requests=20),
        ours_alone=workers > 1,
        slow_import=True,
        always_on=True,
        renews=True,
        told=(r"is being replaced: it has answered \d+ requests",),
    )


SCENARIOS = (
    Scenario("quiet", "Nothing happens", "The same load, to compare with.", acts.nothing),
    Scenario(
        "reload",
        "50 reloads in a row",
        "SIGHUP with another release on the disk; the next when it answers. A slow server gets fewer: see the notes.",
        acts.reload_in_a_row,
        RELOAD,
        renews=True,
    ),
    Scenario(
        "reload-slow",
        "Reloads among slow requests",
        "Three of them, while three requests a second take 0.2 s.",
        acts.reload_some,
        RELOAD,
        slow=True,
        renews=True,
    ),
    broken("import-error", "an import error", acts.reload_onto_import_error, "a_module_that_this_release_forgot"),
    broken("hang", "a hang at import", acts.reload_onto_hang, "--boot-timeout", ours_alone=True),
    broken("exit", "`sys.exit(1)` at import", acts.reload_onto_exit, "SystemExit: 1", ours_alone=True),
    Scenario(
        "reload-settings",
        "Reload onto a syntax error in the settings",
        "SIGHUP, after somebody has edited the file of settings.",
        acts.reload_onto_bad_settings,
        frozenset({Ability.SETTINGS}),
        told=("Nothing is reloaded, the server goes on as it was", "SyntaxError"),
    ),
    Scenario(
        "reload-error-kill",
        "Reload onto an import error, then each worker dies",
        "A server that has survived a broken release still has it on the disk when the next worker is needed. "
        "Tonnage runs with `--preload` here: its last good release is kept in memory.",
        acts.reload_onto_import_error_and_kill,
        RELOAD,
        Wants(preload=True),
        excuse=Stage.was_killed_with,
        excused=WITH_ITS_WORKER,
        told=(GIVEN_UP,),
        traces=True,
    ),
    Scenario(
        "reload-crash",
        "Reload onto a crash at the 20th request",
        "SIGHUP onto a release that loads, answers, and kills its process by a segmentation fault. Tonnage runs with "
        "`--preload` here.",
        acts.reload_onto_crash,
        RELOAD,
        Wants(preload=True),
        excuse=Stage.was_before_it_went_back,
        excused="inside a worker that crashed before the server went back to the good release",
        told=(GIVEN_UP, "SIGSEGV"),
    ),
    *map(recycling, (1, 2, 3, 4)),
    Scenario(
        "stop-queue",
        "TERM with 50 requests queued",
        "One worker; 50 requests of 20 ms are sent to each of its sockets, then it is told to stop.",
        acts.stop,
        wants=Wants(workers=1),
        burst=Burst(50, "/held/20", ("tcp", "unix")),
    ),
    Scenario(
        "kill-worker",
        "`kill -9` of a worker",
        "One after the other, each with a request inside, which is not counted here. Our log has to name it.",
        acts.kill_workers,
        excuse=Stage.was_killed_with,
        excused=WITH_ITS_WORKER,
        told=("SIGKILL",),
    ),
    Scenario(
        "kill-supervisor",
        "`kill -9` of the supervisor",
        "While two requests of one second are inside. They are to be answered, and the port to be free soon after.",
        acts.kill_supervisor,
        burst=Burst(2, "/held/1000"),
    ),
    Scenario(
        "kill-zygote",
        "`kill -9` of the zygote",
        "With `--preload`: the process that has imported the application and forks workers. Then one more is wanted.",
        acts.kill_zygote,
        frozenset({Ability.ZYGOTE}),
        Wants(preload=True),
        told=(r"Zygote \(pid: \d+\).* was killed by SIGKILL",),
    ),
    Scenario(
        "scale",
        "To 8 workers and back",
        "SIGTTIN and SIGTTOU, six times each.",
        acts.scale,
        frozenset({Ability.SCALE}),
        renews=True,
    ),
    Scenario(
        "upgrade",
        "Upgrade by USR2",
        "A second supervisor takes over the listeners; when its workers answer, the first one is told to stop.",
        acts.upgrade,
        frozenset({Ability.UPGRADE}),
        renews=True,
    ),
    Scenario(
        "rollback",
        "Upgrade by USR2, and back",
        "The same, but it is the second one that is told to stop.",
        acts.roll_back,
        frozenset({Ability.UPGRADE}),
    ),
)
