"""The metrics, read by prometheus_client's parser: a foreign and a strict judge."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tonnage.control.metrics import BOUNDS_S, METRICS, STATES, render
from tonnage.control.overview import Advice, ListenerView, Overview, Restarts, Spread, Totals, WorkerView
from tonnage.supervisor.ledger import spread
from tonnage.system.histogram import BUCKETS, bucket, bucket_floor_us

Sample = tuple[str, frozenset[tuple[str, str]]]

WORKERS = tuple(
    WorkerView(100 + i, i, i, 2, state, 5.0, 10, 3, (), pss=1000, loop_lag_s=i / 10)
    for i, state in enumerate(["ready", "ready", "draining"])
)
TOTALS = Totals(
    30, 7, 5000, 1 << 40, (0, 20, 5, 4, 1), 1.25, 0.5, 100, Spread((0.000128, 0.0015, 200.0), (5, 20, 5), 700.25)
)
SEEN = Overview(
    "0.1.0", 9, "serving", 2, 4, 60.0,
    (ListenerView('unix:/run/a"b\\c\n', 1, 5, 3), ListenerView("http://[::]:80", None, None)), WORKERS,
    unix_s=1.7e9, started_s=1.6e9 + 0.5, threads=2, busy=0.25, headroom=0.75, cpus=1.5, totals=TOTALS,
    restarts=(Restarts("crash", 3), Restarts("reload", 0)), capped=(Advice("workers", "add one"),),
)  # fmt: skip


def parsed(text: str) -> dict[Sample, float]:
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def at(found: Mapping[Sample, float], name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_every_metric_has_its_value_and_odd_labels_come_back_as_they_were() -> None:
    found = parsed(render(SEEN))
    assert at(found, "tonnage_info", version="0.1.0") == 1
    assert at(found, "tonnage_start_time_seconds") == 1.6e9 + 0.5
    assert [at(found, "tonnage_workers", state=state) for state in STATES] == [0, 2, 1, 0, 0]
    assert at(found, "tonnage_workers_wanted") == 4
    assert at(found, "tonnage_worker_restarts_total", reason="crash") == 3
    assert at(found, "tonnage_worker_restarts_total", reason="reload") == 0
    assert at(found, "tonnage_requests_total", status="2xx") == 20
    assert at(found, "tonnage_sent_bytes_total") == 1 << 40
    assert at(found, "tonnage_connections") == 9
    odd = 'unix:/run/a"b\\c\n'
    assert at(found, "tonnage_accept_queue_length", listener=odd) == 1
    assert at(found, "tonnage_accept_queue_peak_length", listener=odd) == 3
    assert at(found, "tonnage_accept_queue_limit", listener=odd) == 5
    assert ("tonnage_accept_queue_length", frozenset({("listener", "http://[::]:80")})) not in found
    assert at(found, "tonnage_interpreter_wait_seconds_sum") == 0.5
    assert at(found, "tonnage_interpreter_wait_seconds_count") == 100
    assert at(found, "tonnage_event_loop_lag_seconds") == 0.2
    assert at(found, "tonnage_worker_memory_bytes") == 3000
    assert at(found, "tonnage_capped", by="workers") == 1
    assert at(found, "tonnage_worker_cpu_seconds_total") == 1.25


def test_a_histogram_counts_up_to_each_bound_and_everything_at_the_end() -> None:
    found = parsed(render(SEEN))
    name = "tonnage_request_service_seconds"
    assert at(found, f"{name}_bucket", le="0.000128") == 5
    assert at(found, f"{name}_bucket", le="0.001024") == 5
    assert at(found, f"{name}_bucket", le="0.001536") == 25
    assert at(found, f"{name}_bucket", le=repr(BOUNDS_S[-1])) == 25
    assert at(found, f"{name}_bucket", le="+Inf") == at(found, f"{name}_count") == 30
    assert at(found, f"{name}_sum") == 700.25


@given(st.lists(st.integers(0, 2**33), max_size=30))
def test_what_a_bucket_counts_was_not_above_its_bound(times: list[int]) -> None:
    counts = [0] * BUCKETS
    for us in times:
        counts[bucket(us)] += 1
    found = parsed(render(Overview("0", 1, "serving", 1, 1, 0.0, (), (), totals=Totals(service=spread(counts, 0)))))
    for bound_s in BOUNDS_S:
        below = sum(us < round(bound_s * 1e6) for us in times)
        assert at(found, "tonnage_request_service_seconds_bucket", le=repr(bound_s)) == below


def test_the_bounds_are_those_of_the_servers_own_buckets() -> None:
    assert {round(bound_s * 1e6) for bound_s in BOUNDS_S} <= set(map(bucket_floor_us, range(BUCKETS)))


def test_names_say_what_they_measure() -> None:
    for metric in METRICS:
        assert metric.name.startswith("tonnage_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.meaning.endswith(".")
        assert "\n" not in metric.meaning
    assert len({metric.name for metric in METRICS}) == len(METRICS)
