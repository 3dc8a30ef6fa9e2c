"""Class, threads and workers from figures; what is fixed stays; what binds elsewhere changes the threads."""

from dataclasses import replace

import pytest

from tests.unit.capacity.plans import MIB, facts, footprint
from tonnage.capacity import laws
from tonnage.capacity.database import Budget, Client
from tonnage.capacity.planner import Plan, Stations, Wishes, plan

ROOMY = facts(memory=64 << 30)
DJANGO = Budget("postgresql at db", (Client("Django alias default", None),), limit=20, reserved=3)


def settings(made: Plan) -> tuple[str, int, int]:
    return made.choice.worker_class, made.choice.threads, made.choice.workers


@pytest.mark.parametrize(
    ("waiting", "wanted"),
    [
        (0.0, ("sync", 1, 2)),  # it only computes: as many as CPUs
        (0.05, ("sync", 1, 2)),  # waits too little for a second thread to matter
        (0.5, ("gthread", 4, 2)),  # four threads burn 0.98 CPU
        (0.95, ("gthread", 27, 2)),
    ],
)
def test_the_waiting_share_decides_class_and_threads_and_the_cpus_the_workers(
    waiting: float, wanted: tuple[str, int, int]
) -> None:
    assert settings(plan(ROOMY, footprint(waiting_share=waiting), (), Wishes())) == wanted


def test_an_application_that_waits_all_the_time_stops_at_the_knee_of_the_gil() -> None:
    made = plan(ROOMY, footprint(cpu_s=0.0001, waiting_share=0.999), (), Wishes())
    assert made.choice.threads == laws.GIL_KNEE
    assert "the GIL's knee" in " ".join(made.reasons)


def test_what_the_operator_set_stays_and_is_said() -> None:
    made = plan(ROOMY, footprint(waiting_share=0.95), (), Wishes(threads=4))
    assert made.choice.threads == 4
    assert "set by you; the measurement says 27" in " ".join(made.reasons)
    sync = plan(ROOMY, footprint(waiting_share=0.95), (), Wishes(worker_class="sync"))
    assert settings(sync) == ("sync", 1, 38)


def test_an_asgi_application_gets_the_asgi_worker_and_a_cpu_for_each() -> None:
    made = plan(ROOMY, footprint(waiting_share=0.95), (), Wishes(kind="asgi"))
    assert settings(made) == ("asgi", 1, 2)


def test_little_memory_binds_and_preload_carries_more() -> None:
    small = facts(memory=256 * MIB)
    plain = plan(small, footprint(waiting_share=0.8), (), Wishes(worker_class="sync"))
    shared = plan(small, footprint(waiting_share=0.8), (), Wishes(worker_class="sync", preload=True))
    assert (plain.choice.workers, plain.choice.solution.binding.name) == (3, "memory")  # (230.4 - 10 - 12 - 10)/40 - 1
    assert shared.choice.workers == 10
    assert shared.choice.solution.binding.name == "cpu"


def test_growth_is_counted_up_to_the_recycling_and_named_where_there_is_none() -> None:
    small, leaking = facts(memory=512 * MIB), footprint(growth=4.0 * MIB)
    never = plan(small, leaking, (), Wishes())
    often = plan(small, leaking, (), Wishes(max_requests=10_000))
    assert any("--max-requests" in note for note in never.notes)
    assert often.notes == ()
    memory = [next(each for each in made.choice.solution.terms if each.name == "memory") for made in (never, often)]
    assert [each.workers for each in memory] == [9, 4]


def test_few_database_connections_are_spread_over_the_threads_that_carry_most() -> None:
    """17 connections, and two workers more in a reload: one thread each for 15 workers beats 5 threads for one."""
    made = plan(ROOMY, footprint(waiting_share=0.95), (DJANGO,), Wishes())
    assert settings(made) == ("sync", 1, 15)
    assert made.choice.solution.binding.name == "connections"
    assert "not 27: bound by the max_connections of postgresql at db" in " ".join(made.reasons)


@pytest.mark.parametrize("waiting", [0.0, 0.3, 0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("limit", [5, 8, 20, 50, 100])
@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_the_connections_of_all_workers_never_exceed_the_limit_also_while_a_reload_has_one_more(
    waiting: float, limit: int, replicas: int
) -> None:
    budget = replace(DJANGO, limit=limit, taken=1)
    made = plan(ROOMY, footprint(waiting_share=waiting), (budget,), Wishes(replicas=replicas))
    alive = made.choice.workers + 2
    opened = alive * budget.per_worker(made.choice.threads) * replicas
    assert made.choice.workers == 0 or opened + 3 + 1 <= limit


def test_of_two_databases_the_tighter_binds() -> None:
    small = replace(DJANGO, server="postgresql at small", limit=7)
    for both in ((DJANGO, small), (small, DJANGO)):
        made = plan(ROOMY, footprint(waiting_share=0.9), both, Wishes())
        assert made.choice.workers == 2
        assert made.choice.solution.binding.name == "connections"


def test_a_database_whose_limit_is_unknown_binds_nothing() -> None:
    made = plan(ROOMY, footprint(), (replace(DJANGO, limit=None, notes=("it did not answer",)),), Wishes())
    assert made.choice.solution.binding.name == "cpu"
    assert "it did not answer" in made.notes


def test_where_nothing_fits_one_worker_is_set_and_the_plan_says_no() -> None:
    made = plan(facts(memory=64 * MIB), footprint(), (), Wishes())
    assert (made.choice.workers, made.workers, made.reaches_target) == (0, 1, False)


def test_capacity_is_what_the_cpus_can_do_and_no_more() -> None:
    made = plan(ROOMY, footprint(cpu_s=0.010, waiting_share=0.5), (), Wishes(target_rps=150))
    assert made.capacity.by_cpu == pytest.approx(200)
    assert made.capacity.expected == pytest.approx(197, abs=1), "two workers of four threads, each 98 % busy"
    assert made.reaches_target
    assert not plan(ROOMY, footprint(cpu_s=0.010), (), Wishes(target_rps=201)).reaches_target


def test_a_p95_costs_rate_and_a_stricter_one_more() -> None:
    loose, strict = (
        plan(ROOMY, footprint(cpu_s=0.010), (), Wishes(target_rps=100, p95_s=limit)).capacity.within_p95
        for limit in (0.2, 0.05)
    )
    assert loose is not None
    assert strict is not None
    assert 0 < strict < loose < 200


def test_a_p95_below_the_service_time_is_never_reached() -> None:
    made = plan(ROOMY, footprint(cpu_s=0.010), (), Wishes(target_rps=1, p95_s=0.010))
    assert made.capacity.within_p95 == 0
    assert not made.reaches_target


def test_times_that_hardly_vary_keep_a_p95_at_a_higher_rate_than_exponential_ones() -> None:
    even = replace(footprint(cpu_s=0.010), service_p95_s=0.011, service_variation=0.01)
    wish = Wishes(p95_s=0.05)
    measured, assumed = (plan(ROOMY, each, (), wish).capacity.within_p95 for each in (even, footprint(cpu_s=0.010)))
    assert measured is not None
    assert assumed is not None
    assert measured > 1.2 * assumed
    assert plan(ROOMY, even, (), Wishes(p95_s=0.010)).capacity.within_p95 == 0, "its own p95 is longer"


def test_half_a_cpu_is_a_cpu_at_half_the_pace() -> None:
    half, whole = Stations(8, 0.1, 0.5, 0.01, 0.3), Stations(8, 0.1, 1.0, 0.005, 0.3)
    assert half.p95(20) == pytest.approx(2 * whole.p95(40), rel=0.5)
    assert half.rate_within(1.0) < 50


def test_files_that_do_not_suffice_for_the_connections_are_named() -> None:
    made = plan(facts(files=256), footprint(), (), Wishes())
    assert any("LimitNOFILE" in note for note in made.notes)


def test_few_processes_and_threads_are_kept_to_also_during_a_reload() -> None:
    made = plan(facts(memory=None, tasks=40), footprint(waiting_share=0.95), (), Wishes())
    term = next(each for each in made.choice.solution.terms if each.name == "tasks")
    assert term.workers is not None
    alive = made.choice.workers + 1
    assert alive * (1 + made.choice.threads) <= 40
