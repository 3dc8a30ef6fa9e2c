"""One scenario with one server: start, load, act, stop, judge. What was seen goes into a Result; nothing is printed."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from . import acts, applications
from .front import nginx
from .load import Load
from .outcomes import Failure, Record, percentile
from .peers import Peer
from .results import Result
from .scenarios import Scenario
from .server import Server, serving, stop, wait_until
from .stage import Pace, Stage
from .ways import Way, mixed, slow

WARM_UP_S = 0.5  # connections are opened, workers answer their first request
GONE_S = 2.0  # for what ends a moment after the supervisor
BURST_RATE = 2000.0  # requests/s
KEPT_FAILURES = 20  # of those that are described one by one


def show(scenario: Scenario, peer: Peer, pace: Pace, scratch: Path) -> tuple[Result, list[float]]:
    """Also the latencies, in milliseconds, of the time in which nothing happened.

    Raises ServerFailedError, ClientFailedError.
    """
    quiet_ms = _quiet_server(scenario, peer, pace, scratch / "quiet") if scenario.always_on else []
    release = applications.slow(pace.import_s) if scenario.slow_import else applications.GOOD
    with serving(peer, scenario.wants, release, scratch / "server") as server:
        stage = Stage(server, pace)
        play = _burst if scenario.burst is not None else _steady
        record, acted_at = play(scenario, stage, scratch)
        code = stop(server)
        wait_until(lambda: not server.tree(), GONE_S)
        left = [f"pid {one.pid}" for one in server.tree()]
    stage.learn(record)
    stage.expect(not left, f"left behind: {', '.join(left)}")
    known = stage.server.answered.union(record.processes)
    stage.expect(not scenario.renews or len(known) > scenario.wants.workers, "no new worker has answered")
    if peer.is_ours:
        stage.flaws += _untold(scenario, stage)
    if not scenario.always_on:
        quiet_ms = record.latencies_ms(record.began + WARM_UP_S, acted_at)
    return _judge(scenario, stage, record, acted_at, code), quiet_ms


def _quiet_server(scenario: Scenario, peer: Peer, pace: Pace, scratch: Path) -> list[float]:
    """Of the same server while nothing happens."""
    if pace.quiet_s < WARM_UP_S:
        return []
    wants = replace(scenario.wants, max_requests=0)
    scratch.mkdir()
    with serving(peer, wants, applications.GOOD, scratch / "server") as server:
        stage = Stage(server, pace)
        record, _ = _steady(replace(scenario, act=acts.nothing), stage, scratch)
        stop(server)
    return record.latencies_ms(record.began + WARM_UP_S)


def _steady(scenario: Scenario, stage: Stage, scratch: Path) -> tuple[Record, float]:
    """What the clients saw, and when it began to happen."""
    with contextlib.ExitStack() as stack:
        addresses = stack.enter_context(_addresses(stage.server, scratch))
        ways = mixed(addresses, stage.pace.rate) + (slow(addresses) if scenario.slow else [])
        load = stack.enter_context(Load(ways, stage.pace.patience_s))
        stage.rest(0.0 if scenario.always_on else stage.pace.quiet_s)
        acted_at = time.monotonic()
        scenario.act(stage)
        stage.rest(stage.pace.tail_s)
        return load.end(), acted_at


@contextlib.contextmanager
def _addresses(server: Server, scratch: Path) -> Iterator[dict[str, str]]:
    addresses = server.addresses()
    with nginx(addresses["tcp"], scratch / "nginx") as front:
        yield addresses | {"nginx": front}


def _burst(scenario: Scenario, stage: Stage, _scratch: Path) -> tuple[Record, float]:
    burst = scenario.burst
    assert burst is not None
    ways = [
        Way(f"{name}, queued", address, "GET", keep=False, rate=BURST_RATE, count=burst.count, path=burst.path)
        for name, address in stage.server.addresses().items()
        if name in burst.sockets
    ]
    with Load(ways, stage.pace.patience_s) as load:
        for _ in ways:
            load.wait_sent()
        acted_at = time.monotonic()
        scenario.act(stage)
        return load.finish(), acted_at


# -- judging -----------------------------------------------------------------------------------------------------------


def _untold(scenario: Scenario, stage: Stage) -> list[str]:
    log = stage.server.log
    missing = [pattern for pattern in scenario.told if not re.search(pattern, log)]
    missing += [path for path in stage.victims if path not in log]
    flaws = [f"not in the log: {pattern}" for pattern in missing]
    return flaws + (["a traceback in the log"] if "Traceback" in log and not scenario.traces else [])


def _judge(scenario: Scenario, stage: Stage, record: Record, acted_at: float, code: int | None) -> Result:
    lost = [failure for failure in record.failures if not scenario.excuse(stage, failure)]
    during_ms = record.latencies_ms(acted_at)
    outcomes = Counter(f"{failure.outcome} {failure.detail}" for failure in record.failures)
    return Result(
        seconds=record.ended - record.began,
        requests=record.requests,
        lost=len(lost),
        excused=len(record.failures) - len(lost),
        outcomes=dict(outcomes.most_common()),
        failures=[_told(failure, acted_at) for failure in record.failures[:KEPT_FAILURES]],
        p50_ms=percentile(during_ms, 50),
        p99_ms=percentile(during_ms, 99),
        max_ms=max(during_ms, default=0.0),
        late_p99_ms=percentile(record.late_s, 99) * 1000,
        slowest=[f"{latency_s * 1000:.1f} ms: {whose}" for latency_s, whose in sorted(record.slowest, reverse=True)],
        measured=len(during_ms),
        answered_by=len(record.processes),
        notes=stage.notes + ([f"exit status {code}"] if code and code > 0 else []),
        flaws=list(dict.fromkeys(stage.flaws)),
    )


def _told(failure: Failure, acted_at: float) -> str:
    return f"{failure.due - acted_at:+.3f} s: {failure}"
