"""Each rule: signals that make it speak, and the nearest ones that must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tonnage.capacity.advice import advise
from tonnage.capacity.signals import Growth, Signals
from tonnage.control.overview import Advice, ListenerView, Overview, Quantiles, WorkerView

MIB = 1 << 20
WORKER = WorkerView(
    pid=10, slot=0, age=1, generation=1, state="ready", lived_s=60.0, requests=1000, connections=4, in_flight=(),
    rps=20.0, busy=0.97, cpu=0.2, pss=60 * MIB,
)  # fmt: skip
LISTENER = ListenerView("http://127.0.0.1:8000", waiting=6, limit=2048, peak=9)
SEEN = Overview(
    version="1", pid=1, mode="serving", generation=1, want=2, uptime_s=60.0, listeners=(LISTENER,),
    workers=(WORKER, replace(WORKER, pid=11, age=2)), threads=1, rps=40.0, busy=0.97, cpu=0.4, cpus=2.0,
    queue=Quantiles(0.01, 0.12, 0.2),
)  # fmt: skip
CALM = replace(SEEN, busy=0.3, queue=Quantiles(), listeners=(replace(LISTENER, waiting=0),))
ROOMY = Signals(seen=SEEN, idle_cpus=1.6, memory_limit=4096 * MIB, memory_room=2048 * MIB, memory_source="memory.max")
GROWTH = Growth(pid=10, octets_per_request=20_000.0, grown=30 * MIB, requests=1500, rps=20.0)


def names(signals: Signals) -> list[str]:
    return [advice.name for advice in advise(signals)]


def said(signals: Signals) -> Advice:
    (advice,) = advise(signals)
    return advice


def seen(base: Overview = SEEN, **changes: object) -> Overview:
    return replace(base, **changes)  # type: ignore[arg-type]


def test_workers_that_are_busy_while_somebody_waits_and_cpus_are_idle_are_too_few() -> None:
    text = said(ROOMY).text
    assert names(ROOMY) == ["workers"]
    for part in ("97%", "6 connection(s) wait", "120 ms", "1.6 of 2 CPUs were idle", "--workers to 4", "2.0 times"):
        assert part in text


def test_requests_that_mostly_wait_want_threads() -> None:
    waiting = replace(ROOMY, seen=seen(cpu=0.2))
    assert "--threads 15" in said(waiting).text
    assert "--threads" not in said(replace(waiting, one_at_a_time=False)).text


@pytest.mark.parametrize(
    "signals",
    [
        replace(ROOMY, seen=seen(busy=0.8)),
        replace(ROOMY, seen=seen(CALM, busy=0.97)),
        replace(ROOMY, idle_cpus=0.2),
        replace(ROOMY, seen=seen(mode="draining")),
        replace(ROOMY, seen=seen(workers=())),
    ],
    ids=["not all busy", "nobody waits", "no CPU is idle", "it drains", "none is ready"],
)
def test_when_workers_are_not_too_few(signals: Signals) -> None:
    assert names(signals) == []


def test_cpus_that_are_used_up_are_the_cap_however_long_the_queue() -> None:
    full = replace(ROOMY, seen=seen(cpu=1.9), idle_cpus=0.05)
    assert names(full) == ["cpu"]
    assert "More workers will not help" in said(full).text
    assert "47.5 ms of CPU each" in said(full).text
    assert names(replace(full, seen=seen(CALM, cpu=1.9))) == []


def test_a_quota_that_throttles_is_named() -> None:
    throttled = replace(ROOMY, quota=0.5, throttled=0.4, seen=seen(cpu=0.4))
    assert names(throttled) == ["cpu"]
    assert "quota of 0.5 CPUs was used up in 40% of its periods" in said(throttled).text
    assert names(replace(throttled, seen=seen(CALM))) == []


def test_a_database_without_connections_left_is_the_cap() -> None:
    full = replace(ROOMY, database=20, database_limit=20)
    assert names(full) == ["database"]
    assert "20 of 20 database connections" in said(full).text
    assert names(replace(full, database=4)) == ["workers"]
    assert names(replace(full, database_limit=0)) == ["workers"]


def test_memory_without_room_for_one_more_is_the_cap() -> None:
    tight = replace(ROOMY, memory_limit=1024 * MIB, memory_room=110 * MIB)
    assert names(tight) == ["memory"]
    assert "by 10.0 MiB to get one more worker" in said(tight).text
    assert names(replace(tight, memory_room=130 * MIB)) == ["workers"]


def test_memory_that_is_nearly_used_up_is_said_before_anybody_waits() -> None:
    full = replace(ROOMY, seen=CALM, memory_limit=1000 * MIB, memory_room=90 * MIB)
    assert names(full) == ["memory"]
    assert names(replace(full, memory_room=110 * MIB)) == []
    assert names(replace(full, memory_limit=0, memory_room=0)) == []


def test_an_accept_queue_that_was_full() -> None:
    full = replace(ROOMY, seen=seen(CALM, listeners=(replace(LISTENER, peak=128, limit=128),)))
    assert names(full) == ["backlog"]
    assert "128 of 128" in said(full).text
    assert names(replace(full, seen=seen(CALM, listeners=(replace(LISTENER, peak=127, limit=128),)))) == []
    assert names(replace(full, seen=seen(CALM, listeners=(replace(LISTENER, limit=None, peak=None),)))) == []


def test_threads_that_wait_for_each_other_while_cpus_are_idle() -> None:
    worker = replace(WORKER, cpu=0.98, gil_wait_s=0.02)
    bound = replace(
        ROOMY,
        one_at_a_time=False,
        idle_cpus=3.0,
        seen=seen(CALM, threads=4, workers=(worker,), want=1, cpu=0.98, cpus=4.0),
    )
    assert names(bound) == ["threads"]
    assert "--workers to 4" in said(bound).text
    assert names(replace(bound, one_at_a_time=True)) == []
    assert names(replace(bound, idle_cpus=0.1)) == []
    assert names(replace(bound, seen=seen(bound.seen, workers=(replace(worker, gil_wait_s=0.001),)))) == []


def test_an_event_loop_that_is_late_is_the_same() -> None:
    worker = replace(WORKER, cpu=0.98, loop_lag_s=0.03)
    assert names(replace(ROOMY, one_at_a_time=False, seen=seen(CALM, workers=(worker,), cpu=0.98))) == ["threads"]


def test_descriptors_that_run_out() -> None:
    assert names(replace(ROOMY, seen=CALM, files=900, files_limit=1024)) == ["files"]
    assert names(replace(ROOMY, seen=CALM, files=700, files_limit=1024)) == []
    assert names(replace(ROOMY, seen=CALM, files=900, files_limit=None)) == []


def test_a_leak_says_how_long_there_is() -> None:
    leaking = replace(ROOMY, seen=CALM, growths=(GROWTH,))
    assert names(leaking) == ["leak"]
    assert "19.1 MiB per 1,000 requests" in said(leaking).text
    assert "45 minutes" in said(leaking).text
    assert "--max-worker-memory 90M" in said(leaking).text


@pytest.mark.parametrize(
    "growth",
    [
        replace(GROWTH, grown=3 * MIB),
        replace(GROWTH, octets_per_request=100.0),
        replace(GROWTH, octets_per_request=-5.0),
    ],
    ids=["a cache that fills", "years", "it shrinks"],
)
def test_what_is_no_leak(growth: Growth) -> None:
    assert names(replace(ROOMY, seen=CALM, growths=(growth,))) == []


def test_clients_that_hold_all_connections_of_idle_workers() -> None:
    held = tuple(replace(worker, connections=990) for worker in CALM.workers)
    assert names(replace(ROOMY, seen=seen(CALM, workers=held))) == ["slow_clients"]
    assert names(replace(ROOMY, seen=seen(CALM, workers=held, busy=0.7))) == []
    assert names(replace(ROOMY, seen=seen(CALM, workers=(held[0], CALM.workers[1])))) == []


def test_workers_that_were_never_needed() -> None:
    idle = replace(ROOMY, seen=seen(CALM, want=8), most_busy=1.2, watched_s=1800.0)
    assert names(idle) == ["oversized"]
    assert "--workers 3" in said(idle).text
    assert "300.0 MiB" in said(idle).text
    assert names(replace(idle, most_busy=3.9)) == []
    assert names(replace(idle, most_busy=None)) == []
    assert names(replace(idle, seen=seen(CALM, want=1))) == []
