"""How one figure is taken: start, verify, warm up, measure, stop. One function for each kind of case."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from . import openloop
from .cases import Case, Kind
from .idle import Idle, greeting, idle_connections
from .load import load, wrk
from .measure import spent
from .peers import Peer
from .server import Bench, Server, ServerFailedError, keeps_connections, running

WARM_UP_S = 1
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round found."""

    values: dict[str, float]
    notes: tuple[str, ...] = ()
    disturbed: float = 0.0  # share of one core that others took meanwhile


Procedure: TypeAlias = Callable[[Peer, Case, Bench], Sample]


def throughput(peer: Peer, case: Case, bench: Bench) -> Sample:
    with running(peer, case, bench, case.workers) as server:
        kept = _kept(server, case)
        sample = _loaded(server, case, bench)
    return replace(sample, notes=(*kept, *sample.notes))


def _kept(server: Server, case: Case) -> tuple[str, ...]:
    return (
        ()
        if case.close or case.is_websocket or keeps_connections(server, case)
        else ("ends the connection after each answer",)
    )


def _loaded(server: Server, case: Case, bench: Bench) -> Sample:
    """Processor time between two readings around one run of the client, over the requests that it has counted."""
    load(case, server.port, bench.load_core, WARM_UP_S)
    before = spent(server.pid, bench.cores)
    seen = load(case, server.port, bench.load_core, bench.seconds)
    during = spent(server.pid, bench.cores).since(before)
    notes = seen.check(case)
    if during.server_s / seen.seconds < 0.9 and seen.busy > 0.9:
        notes.append("the client was the limit: requests/s and latencies are its own")
    return Sample(
        {
            "cpu_s_per_1000": during.server_s / seen.requests * 1000,
            "requests_per_s": seen.requests / seen.seconds,
            "p50_ms": seen.p50_ms,
            "p99_ms": seen.p99_ms,
        },
        tuple(notes),
        during.disturbed,
    )


def mixed(peer: Peer, case: Case, bench: Bench) -> Sample:
    lines = ["Host: 127.0.0.1", *(f"{name}: {value}" for name, value in case.fields.items())]
    head = "\r\n".join(["HTTP/1.1", *lines, "", ""])
    with running(peer, case, bench, case.workers) as server:
        kept = _kept(server, case)
        wrk(case, server.port, bench.load_core, WARM_UP_S)
        before = spent(server.pid, bench.cores)
        try:
            latencies = openloop.mixed(server.port, head, 2 * bench.seconds)
        except* (OSError, EOFError, TimeoutError, ValueError) as exc:
            raise ServerFailedError(f"hello beside slow requests: {exc.exceptions[0]!r}") from exc
        during = spent(server.pid, bench.cores).since(before)
    hundredths = statistics.quantiles(latencies.fast_ms, n=100)
    values = {"p50_ms": hundredths[49], "p99_ms": hundredths[98], "worst_ms": max(latencies.fast_ms)}
    return Sample(values | {"slow_p50_ms": statistics.median(latencies.slow_ms)}, kept, during.disturbed)


def idle(peer: Peer, case: Case, bench: Bench) -> Sample:
    with running(peer, case, bench, case.workers) as server:
        if not case.is_websocket and not keeps_connections(server, case):
            raise ServerFailedError("it ends the connection after each answer")
        load(case, server.port, bench.load_core, WARM_UP_S)
        server.wait_calm()
        without = server.pss_bytes()
        greet = greeting(case, server.port, b"" if case.is_websocket else bench.answer(case))
        with idle_connections(bench.idle, greet) as connections:
            _check_all_open(connections, bench.idle)
            server.wait_calm()
            added = server.pss_bytes() - without
            sample = _loaded(server, case, bench)
            _check_all_open(connections, bench.idle)
    return replace(sample, values={"kib_per_connection": added / bench.idle / 1024} | sample.values)


def _check_all_open(connections: Idle, wanted: int) -> None:
    if connections.problem:
        raise ServerFailedError(f"not {wanted:,} connections: {connections.problem}")
    if lost := connections.lost():
        raise ServerFailedError(f"it closed {lost:,} of {wanted:,} idle connections")


def memory(peer: Peer, case: Case, bench: Bench) -> Sample:
    counts = [workers for workers in (1, 4) if workers <= peer.processes]
    notes = () if len(counts) > 1 else ("has no worker processes: one only",)
    return Sample({f"pss_{workers}_mib": _settled_pss(peer, case, bench, workers) / MIB for workers in counts}, notes)


def _settled_pss(peer: Peer, case: Case, bench: Bench, workers: int) -> int:
    """First a page that waits, so that no worker can leave all the others' work to one; then the page of the case."""
    with running(peer, case, bench, workers) as server:
        wrk(replace(case, path="/work/wait/?ms=50", close=True), server.port, bench.load_core, WARM_UP_S)
        wrk(replace(case, close=True), server.port, bench.load_core, bench.seconds)
        server.wait_calm()
        return server.pss_bytes()


PROCEDURES: dict[Kind, Procedure] = {
    Kind.THROUGHPUT: throughput,
    Kind.MIXED: mixed,
    Kind.IDLE: idle,
    Kind.MEMORY: memory,
    Kind.MESSAGES: throughput,
    Kind.IDLE_SOCKETS: idle,
}
