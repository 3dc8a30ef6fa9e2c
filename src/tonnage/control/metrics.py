"""An Overview as Prometheus reads it: the text format 0.0.4, in base units. Pure.

Everything is summed over the workers: what has a label is few and known beforehand, so that a scrape costs the same
whatever the server has been through. METRICS is also the reference: docs/reference/metrics.md is held to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tonnage.control.overview import PEAK_S, ListenerView, Overview, Spread

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("booting", "ready", "draining", "quitting", "aborting")
# Seconds. The server counts in buckets whose bounds include these (system/histogram.py), so the sums are exact.
BOUNDS_S = tuple(step * 2**power / 1e6 for power in range(6, 26) for step in (2, 3))

Samples = Iterable[tuple[str, float]]  # what follows the name, and the value


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: str  # counter, gauge, histogram, summary
    meaning: str
    read: Callable[[Overview], Samples]


def render(seen: Overview) -> str:
    return "".join(_lines(seen))


def _lines(seen: Overview) -> Iterator[str]:
    for metric in METRICS:
        yield f"# HELP {metric.name} {metric.meaning}\n# TYPE {metric.name} {metric.kind}\n"
        for suffix, value in metric.read(seen):
            yield f"{metric.name}{suffix} {_number(value)}\n"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _labelled(name: str, value: str) -> str:
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{{{name}="{escaped}"}}'


def _one(value: Callable[[Overview], float]) -> Callable[[Overview], Samples]:
    return lambda seen: [("", value(seen))]


def _histogram(spread: Callable[[Overview], Spread]) -> Callable[[Overview], Samples]:
    return lambda seen: _buckets(spread(seen))


def _buckets(spread: Spread) -> Samples:
    found = list(zip(spread.bounds_s, spread.counts, strict=True))
    passed, at = 0, 0
    for bound_s in BOUNDS_S:
        while at < len(found) and found[at][0] <= bound_s * 1.000001:
            passed += found[at][1]
            at += 1
        yield f'_bucket{{le="{bound_s!r}"}}', passed
    yield '_bucket{le="+Inf"}', spread.count
    yield "_sum", spread.sum_s
    yield "_count", spread.count


def _listeners(value: Callable[[ListenerView], int | None]) -> Callable[[Overview], Samples]:
    return lambda seen: [
        (_labelled("listener", listener.url), found)
        for listener in seen.listeners
        if (found := value(listener)) is not None
    ]


def _statuses(seen: Overview) -> Samples:
    return [(_labelled("status", f"{first}xx"), count) for first, count in enumerate(seen.totals.statuses, 1)]


def _states(seen: Overview) -> Samples:
    return [(_labelled("state", state), sum(worker.state == state for worker in seen.workers)) for state in STATES]


METRICS = (
    Metric(
        "tonnage_info", "gauge", "Always 1; the version of the server.",
        lambda seen: [(_labelled("version", seen.version), 1)],
    ),
    Metric(
        "tonnage_start_time_seconds", "gauge", "When the supervisor was started, in seconds of Unix time.",
        _one(lambda seen: seen.started_s),
    ),
    Metric(
        "tonnage_generation", "gauge", "Which code workers are started from; one more with each reload.",
        _one(lambda seen: seen.generation),
    ),
    Metric("tonnage_workers_wanted", "gauge", "How many workers there are to be.", _one(lambda seen: seen.want)),
    Metric("tonnage_workers", "gauge", "Workers by state.", _states),
    Metric(
        "tonnage_worker_threads", "gauge", "Application threads of each worker.", _one(lambda seen: seen.threads)
    ),
    Metric(
        "tonnage_worker_restarts_total", "counter", "Workers that had to be replaced, by reason.",
        lambda seen: [(_labelled("reason", each.reason), each.count) for each in seen.restarts],
    ),
    Metric("tonnage_requests_total", "counter", "Requests answered, by class of status.", _statuses),
    Metric(
        "tonnage_requests_in_flight", "gauge", "Requests that the application has now.",
        _one(lambda seen: seen.in_flight),
    ),
    Metric(
        "tonnage_request_service_seconds", "histogram", "How long the application had a request.",
        _histogram(lambda seen: seen.totals.service),
    ),
    Metric(
        "tonnage_request_queue_seconds", "histogram",
        "How long a request waited before the application got it: since X-Request-Start, in a socket, for a thread.",
        _histogram(lambda seen: seen.totals.queue),
    ),
    Metric(
        "tonnage_request_first_byte_seconds", "histogram",
        "From when the application got a request to the first octet of the response.",
        _histogram(lambda seen: seen.totals.first_byte),
    ),
    Metric(
        "tonnage_connections", "gauge", "Connections open now.",
        _one(lambda seen: sum(worker.connections for worker in seen.workers)),
    ),
    Metric(
        "tonnage_connections_accepted_total", "counter", "Connections accepted.",
        _one(lambda seen: seen.totals.accepted),
    ),
    Metric(
        "tonnage_received_bytes_total", "counter", "Octets read from clients, heads and content.",
        _one(lambda seen: seen.totals.received),
    ),
    Metric(
        "tonnage_sent_bytes_total", "counter", "Octets of content in responses.", _one(lambda seen: seen.totals.sent)
    ),
    Metric(
        "tonnage_accept_queue_length", "gauge", "Connections that wait to be accepted now.",
        _listeners(lambda listener: listener.waiting),
    ),
    Metric(
        "tonnage_accept_queue_peak_length", "gauge", f"The most that were seen waiting within the last {PEAK_S} s.",
        _listeners(lambda listener: listener.peak),
    ),
    Metric(
        "tonnage_accept_queue_limit", "gauge", "How many may wait, as the kernel has it; beyond that clients fail.",
        _listeners(lambda listener: listener.limit),
    ),
    Metric(
        "tonnage_worker_busy_ratio", "gauge", "Share of its threads' time that the application had them, mean of 10 s.",
        _one(lambda seen: seen.busy),
    ),
    Metric(
        "tonnage_headroom_ratio", "gauge", "What is left of threads or CPUs, whichever is nearer to its end.",
        _one(lambda seen: seen.headroom),
    ),
    Metric(
        "tonnage_worker_cpu_seconds_total", "counter", "CPU time that the workers have used.",
        _one(lambda seen: seen.totals.cpu_s),
    ),
    Metric(
        "tonnage_usable_cpus", "gauge", "CPUs that the server may use, a quota counted in.",
        _one(lambda seen: seen.cpus),
    ),
    Metric(
        "tonnage_worker_memory_bytes", "gauge", "PSS of all workers together (RSS where the kernel shows no PSS).",
        _one(lambda seen: sum(worker.pss or 0 for worker in seen.workers)),
    ),
    Metric(
        "tonnage_interpreter_wait_seconds", "summary",
        "How long a thread that could run waited for the interpreter (GIL), looked at once a second in each worker.",
        lambda seen: [("_sum", seen.totals.gil_wait_s), ("_count", seen.totals.gil_looks)],
    ),
    Metric(
        "tonnage_event_loop_lag_seconds", "gauge", "How late the latest of the workers' event loops was (asgi).",
        _one(lambda seen: max((worker.loop_lag_s for worker in seen.workers), default=0.0)),
    ),
    Metric(
        "tonnage_capped", "gauge", "1 for each limit that binds now; absent otherwise.",
        lambda seen: [(_labelled("by", advice.name), 1) for advice in seen.capped],
    ),
)  # fmt: skip
