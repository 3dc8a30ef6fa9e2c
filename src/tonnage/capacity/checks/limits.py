"""What is asked of the machine against what it allows: one pure function a fact."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from tonnage.capacity.application import Application
from tonnage.capacity.auto import Wish, most_useful
from tonnage.capacity.facts import Facts, Number, Term
from tonnage.capacity.finding import Finding, Verdict, size
from tonnage.config.model import Config
from tonnage.config.values import FdAddress, TcpAddress, UnixAddress

Check = Callable[[Facts, Config, Application | None], Finding | None]  # None: it does not apply

SHARE_OF_LIMIT = 0.9  # as supervisor/settings.py: above that the kernel begins to look for somebody to kill
OWN_FILES = 40  # listeners, logs, pipes, epoll, the interpreter's own; a worker that has just started has about 25
FILES_PER_CALL = 4  # of a running request: a body on disk, a database connection, and what the application opens
TASKS_BESIDE = 2  # of a worker beside its threads: its main thread and its watchdog
TIME_WAIT_S = 60  # how long Linux keeps the port of a closed connection (TCP_TIMEWAIT_LEN)
THROTTLED = 0.01  # of the periods; below that a burst has been cut, not the service
WAITING = 10.0  # percent of the last minute in which somebody waited; from there on users notice


def cpus(facts: Facts, _config: Config, _app: Application | None) -> Finding:
    term = facts.cpu.terms[0]
    there = next((each.limit for each in facts.cpu.terms if each.name == "online"), term.limit)
    because = "" if term.name == "online" else f"by the {term.name}"
    if facts.cpus < 1:
        effective = f"{facts.cpus:g}"
        return Finding("cpus", Verdict.CAP, effective, "1 for a worker", because, term.source, _quota(1))
    if facts.cpus < there:
        remedy = _quota(there) if term.name == "quota" else ""
        return Finding("cpus", Verdict.NOTE, f"{facts.cpus:g} of {there:g}", "", because, term.source, remedy)
    return Finding("cpus", Verdict.OK, f"{facts.cpus:g}", "", because, term.source)


def _quota(wanted: float) -> str:
    return f"docker run --cpus {wanted:g}, CPUQuota={wanted:.0%} in the systemd unit, limits.cpu in Kubernetes"


def throttling(facts: Facts, _config: Config, _app: Application | None) -> Finding | None:
    if not facts.throttling:
        return None
    worst = max(facts.throttling, key=lambda each: each.throttled / max(1, each.periods))
    share = worst.throttled / max(1, worst.periods)
    text = f"in {worst.throttled} of {worst.periods} periods ({share:.1%}), for {worst.seconds:.1f} s in all"
    verdict = Verdict.CAP if share >= THROTTLED else Verdict.NOTE if worst.throttled else Verdict.OK
    remedy = "more CPU, not more workers: they would share the same quota" if verdict is Verdict.CAP else ""
    return Finding("throttled", verdict, text, source=str(worst.file), remedy=remedy)


def workers(facts: Facts, config: Config, app: Application | None) -> Finding:
    if config.workers == 0:
        because = "by the CPUs; fewer where memory is short, which is weighed at the start"
        return Finding("workers", Verdict.OK, f"up to {_most(facts, config, app)}", "auto", because)
    asked = f"{config.workers} worker{'s' * (config.workers != 1)}"
    if config.workers < facts.cpus:
        because = "in each worker Python runs on one CPU at a time"
        effective = f"at most {config.workers} of {facts.cpus:g} CPUs"
        return Finding(
            "workers", Verdict.CAP, effective, asked, because, remedy=f"--workers auto, or at least {ceil(facts.cpus)}"
        )
    return Finding("workers", Verdict.OK, f"all {facts.cpus:g} CPUs", asked)


def _most(facts: Facts, config: Config, app: Application | None) -> int:
    """Of `workers = auto`."""
    worker_class = "asgi" if app is not None and app.kind == "asgi" else config.worker_class
    return most_useful(facts.cpus, Wish(worker_class, config.threads, config.min_workers, config.max_workers))


def memory(facts: Facts, config: Config, app: Application | None) -> Finding:
    term = facts.memory.binding
    if term is None:
        return Finding("memory", Verdict.UNKNOWN, "neither limit nor size can be read")
    room = f"{size(term.room)} of {size(term.limit)}"
    because = f"others use {size(term.used)}" if term.used else ""
    if app is None:
        return Finding("memory", Verdict.OK, room, "", because, term.source)
    count = max(1, config.workers)  # auto takes as many as fit, if one does
    usual, reload = count * app.octets, (count + config.reload_surge) * app.octets
    asked = f"{config.workers} x {size(app.octets)}" if config.workers else f"{size(app.octets)} for each worker"
    measured = "the application was measured just loaded; requests come on top"
    because = f"{because}; {measured}" if because else measured
    if usual > term.room * SHARE_OF_LIMIT:
        return Finding("memory", Verdict.CAP, room, asked, because, term.source, _fewer(term, config, app, usual))
    if reload > term.room * SHARE_OF_LIMIT:
        because = f"enough, but not for {config.reload_surge} more during a reload; {because}"
        return Finding("memory", Verdict.CAP, room, asked, because, term.source, _fewer(term, config, app, reload))
    return Finding("memory", Verdict.OK, room, asked, because, term.source)


def _fewer(term: Term, config: Config, app: Application, needed: int) -> str:
    fits = int(term.room * SHARE_OF_LIMIT / app.octets) - config.reload_surge
    limit = size(ceil(term.used + needed / SHARE_OF_LIMIT))
    return f"--workers {fits}, or a limit above {limit}" if fits >= 1 else f"a limit above {limit}"


def total_memory(facts: Facts, config: Config, _app: Application | None) -> Finding | None:
    term = facts.memory.binding
    if not config.max_total_memory or term is None:
        return None
    name, asked = "max_total_memory", size(config.max_total_memory)
    if config.max_total_memory <= term.room:
        return Finding(name, Verdict.OK, asked, asked)
    remedy = f"--max-total-memory {int(term.room * SHARE_OF_LIMIT) >> 20}m"
    return Finding(name, Verdict.CAP, size(term.room), asked, "then the kernel kills", term.source, remedy)


def files(facts: Facts, config: Config, _app: Application | None) -> Finding:
    needed = OWN_FILES + config.worker_connections + FILES_PER_CALL * config.threads
    asked = f"about {needed} descriptors a worker"
    because = f"worker_connections is {config.worker_connections}"
    soft, hard = facts.nofile_soft, facts.nofile_hard
    if soft.value is None or soft.value >= needed:
        effective = "any number" if soft.value is None else str(soft.value)
        return Finding("files", Verdict.OK, effective, asked, because, soft.source)
    remedy = f"LimitNOFILE={needed} in the systemd unit, docker run --ulimit nofile={needed}, or `ulimit -n {needed}`"
    if hard.value is not None and hard.value < needed:
        remedy += f" as root, for the hard limit is {hard.value}"
    return Finding("files", Verdict.CAP, str(soft.value), asked, because, soft.source, remedy)


def tasks(facts: Facts, config: Config, app: Application | None) -> Finding:
    term = facts.tasks.binding
    if term is None:
        return Finding("tasks", Verdict.UNKNOWN, "no limit can be read")
    count = (config.workers or _most(facts, config, app)) + config.reload_surge
    needed = count * (config.threads + TASKS_BESIDE) + 2  # and the supervisor, and a zygote
    asked, effective = f"about {needed} processes and threads", f"{term.room:.0f}"
    because = f"{term.name} is {term.limit:.0f}, others use {term.used:.0f}"
    if needed <= term.room:
        return Finding("tasks", Verdict.OK, effective, asked, because, term.source)
    most = int(term.used) + needed
    remedies = {
        "pids.max": f"TasksMax={most} in the systemd unit, or docker run --pids-limit {most}",
        "RLIMIT_NPROC": f"LimitNPROC={most} in the systemd unit, or `ulimit -u {most}`",
    }
    remedy = remedies.get(term.name, f"sysctl -w {term.name}={most}")
    return Finding("tasks", Verdict.CAP, effective, asked, because, term.source, remedy)


def backlog_tcp(facts: Facts, config: Config, _app: Application | None) -> Finding | None:
    return _backlog(facts, facts.backlog_tcp, "TCP") if _binds(config, TcpAddress) else None


def backlog_unix(facts: Facts, config: Config, _app: Application | None) -> Finding | None:
    return _backlog(facts, facts.backlog_unix, "Unix") if _binds(config, UnixAddress) else None


def backlog_inherited(_facts: Facts, config: Config, _app: Application | None) -> Finding | None:
    if not _binds(config, FdAddress):
        return None
    because = "who opened the listener has decided; in a systemd socket unit that is Backlog="
    return Finding("backlog (fd)", Verdict.UNKNOWN, "not ours to choose", "", because)


def _binds(config: Config, kind: type) -> bool:
    return any(isinstance(each, kind) for each in config.bind)


def _backlog(facts: Facts, found: Number, kind: str) -> Finding:
    name, asked = f"backlog ({kind})", str(facts.backlog)
    if found.value is None:
        return Finding(name, Verdict.UNKNOWN, "the kernel does not tell", source=found.source)
    if found.value >= facts.backlog:
        return Finding(name, Verdict.OK, str(found.value), asked, "", found.source)
    because = f"net.core.somaxconn is {facts.somaxconn.value}"
    remedy = (
        f"sysctl -w net.core.somaxconn={facts.backlog}; a container has its own: "
        f"docker run --sysctl net.core.somaxconn={facts.backlog}"
    )
    return Finding(name, Verdict.CAP, str(found.value), asked, because, found.source, remedy)


def ports(facts: Facts, _config: Config, _app: Application | None) -> Finding | None:
    """Not only ours: a proxy of this machine has the same for its connections to us."""
    count, source = facts.ephemeral_ports.value, facts.ephemeral_ports.source
    if count is None:
        return None
    because = f"{count // TIME_WAIT_S} new connections a second to one address, for longer than a minute"
    return Finding("ephemeral ports", Verdict.NOTE, str(count), "", because, source)


def temporary(facts: Facts, config: Config, _app: Application | None) -> Finding:
    """Where bodies wait while they arrive."""
    name, found, body = "temporary files", facts.temporary, config.limit_request_body
    if found is None:
        return Finding(name, Verdict.UNKNOWN, "their directory cannot be looked at")
    asked = f"a body of {size(body)}" if body else "a body of any size"
    source = f"{found.kind or 'a file system'} at {found.mount}, {size(found.free_octets)} free"
    if found.in_memory and facts.memory.terms and (not body or body > facts.memory.room):
        because = f"{found.directory} lies in memory, and counts against its limit"
        remedy = "--tmp-upload-dir /var/tmp, or another directory on a disk"
        return Finding(name, Verdict.CAP, size(facts.memory.room), asked, because, source, remedy)
    if body > found.free_octets:
        remedy = (
            f"--limit-request-body {max(1, found.free_octets >> 21)}m, or --tmp-upload-dir where there is more room"
        )
        return Finding(name, Verdict.CAP, size(found.free_octets), asked, f"in {found.directory}", source, remedy)
    if found.in_memory:
        return Finding(name, Verdict.NOTE, str(found.directory), "", "they count as memory", source)
    return Finding(name, Verdict.OK, str(found.directory), "", "", source)


def pressure(facts: Facts, _config: Config, _app: Application | None) -> Finding | None:
    pairs = (("cpu", facts.pressures.cpu), ("memory", facts.pressures.memory), ("io", facts.pressures.io))
    seen = [(name, found) for name, found in pairs if found is not None]
    if not seen:
        return None
    text = ", ".join(f"{name} {found.some_60s:g} %" for name, found in seen)  # as the kernel's files are called
    verdict = Verdict.NOTE if any(found.some_60s >= WAITING for _, found in seen) else Verdict.OK
    because = "that much of the last minute somebody had to wait for it"
    return Finding("pressure", verdict, text, "", because, ", ".join(str(found.file) for _, found in seen))


CHECKS: tuple[Check, ...] = (
    cpus, throttling, workers, memory, total_memory, files, tasks,
    backlog_tcp, backlog_unix, backlog_inherited, ports, temporary, pressure,
)  # fmt: skip
