"""The solver: what binds, what would bind next, and that "raise X by Y" is exact."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tonnage.capacity.limit import Term
from tonnage.capacity.model import Caps, Database, Needs, Solution, connections_per_worker, solve

MIB = 1 << 20
NEEDS = Needs(cpu=1.0, first_octets=60 * MIB, further_octets=40 * MIB, server_octets=12 * MIB)
DATABASE = Database("max_connections", 20, taken=3, each=2)
CAPS = Caps(cpus=2.0, memory=512 * MIB, databases=(DATABASE,), files=1024, tasks=512)

octets = st.integers(0, 1 << 40)
few = st.integers(0, 500)
needs = st.builds(
    Needs,
    cpu=st.floats(0.001, 1.0),
    first_octets=octets,
    further_octets=octets,
    growth_octets=octets,
    server_octets=octets,
    files=st.integers(1, 50),
    tasks=st.integers(1, 200),
    surge=st.integers(0, 5),
)
databases = st.builds(
    Database,
    what=st.uuids().map(str),
    limit=st.none() | st.integers(0, 10_000),
    taken=few,
    each=few,
    replicas=st.integers(1, 20),
)
caps = st.builds(
    Caps,
    cpus=st.integers(1, 256_000).map(lambda thousandths: thousandths / 1000),
    cpu_target=st.integers(1, 100),
    memory=st.none() | octets,
    memory_reserve=st.integers(0, 99),
    memory_taken=octets,
    databases=st.lists(databases, max_size=3).map(tuple),
    files=st.none() | st.integers(0, 1 << 20),
    files_taken=few,
    tasks=st.none() | st.integers(0, 1 << 22),
    tasks_taken=few,
)


def term(solution: Solution, name: str) -> Term:
    return next(each for each in solution.terms if each.name == name)


def same(solution: Solution, other: Term) -> Term:
    return next(each for each in solution.terms if each.what == other.what)


def raised(what: Caps, by: Term, less: int = 0) -> Caps:
    if by.name == "cpu":
        return replace(what, cpus=(round(what.cpus * 1000) + by.raise_by - less) / 1000)
    if by.name == "memory":
        return replace(what, memory=(what.memory or 0) + by.raise_by - less)
    if by.name == "connections":
        return replace(what, databases=tuple(_raised(each, by, less) for each in what.databases))
    if by.name == "files":
        return replace(what, files=(what.files or 0) + by.raise_by - less)
    return replace(what, tasks=(what.tasks or 0) + by.raise_by - less)


def _raised(database: Database, by: Term, less: int) -> Database:
    grown = (database.limit or 0) + by.raise_by - less
    return replace(database, limit=grown) if database.what == by.what else database


@given(needs, caps)
def test_raising_each_cap_by_what_is_said_gives_one_more_worker_and_by_less_none(need: Needs, cap: Caps) -> None:
    before = solve(need, cap)
    for each in before.terms:
        if each.workers is None:
            assert each.raise_by == 0
            continue
        assert each.raise_by > 0
        assert same(solve(need, raised(cap, each)), each).workers == each.workers + 1
        assert same(solve(need, raised(cap, each, less=1)), each).workers == each.workers


@given(needs, caps)
def test_one_more_worker_needs_all_that_bind_together_and_only_those(need: Needs, cap: Caps) -> None:
    before, after = solve(need, cap), cap
    for each in before.raises:
        after = raised(after, each)
    assert solve(need, after).workers == before.workers + 1
    for spared in before.raises:
        after = cap
        for each in before.raises:
            after = raised(after, each, less=each is spared)
        assert solve(need, after).workers == before.workers


@given(needs, caps)
def test_the_smallest_term_binds_and_the_next_is_the_runner_up(need: Needs, cap: Caps) -> None:
    solution = solve(need, cap)
    known = [each for each in solution.terms if each.workers is not None]
    assert solution.workers == min(each.workers or 0 for each in known) == solution.binding.workers
    if solution.runner_up is None:
        assert len(known) == 1
    else:
        assert solution.runner_up is not solution.binding
        assert solution.runner_up.workers == sorted(each.workers or 0 for each in known)[1]


@given(needs, caps)
def test_what_is_chosen_fits_every_limit_also_during_a_reload_and_one_more_would_not(need: Needs, cap: Caps) -> None:
    solution = solve(need, cap)
    alive = solution.workers + need.surge

    def fits_memory(count: int) -> bool:
        assert cap.memory is not None
        taken = cap.memory_taken + need.server_octets + max(0, need.first_octets - need.further_octets)
        return (
            taken + count * max(1, need.further_octets + need.growth_octets)
            <= cap.memory * (100 - cap.memory_reserve) / 100
        )

    assume(solution.workers)
    if cap.memory is not None:
        assert fits_memory(alive)
        if solution.binding.name == "memory":
            assert not fits_memory(alive + 1)
    for database in cap.databases:
        opened = (alive + 1) * database.each * database.replicas
        assert not opened or database.limit is None or opened + database.taken <= database.limit
    if cap.tasks is not None:
        assert alive * need.tasks + cap.tasks_taken <= cap.tasks
    if cap.files is not None:
        assert alive * need.files + cap.files_taken <= cap.files


def test_an_example_by_hand() -> None:
    solution = solve(NEEDS, CAPS)
    assert {each.name: each.workers for each in solution.terms} == {
        "cpu": 2,  # ceil(1.9)
        "memory": 9,  # floor((460.8 - 12 - 20) / 40) - 1
        "connections": 6,  # floor(17 / 2) - 1 - 1
        "files": 511,
        "tasks": 255,
    }
    assert (solution.binding.name, solution.workers) == ("cpu", 2)
    assert solution.runner_up is not None
    assert solution.runner_up.name == "connections"
    assert (solution.binding.raise_by, solution.binding.unit) == (106, "CPU/1000")  # 2.106 x 95 % > 2


def test_a_worker_that_mostly_waits_burns_little_so_that_more_are_wanted() -> None:
    assert solve(replace(NEEDS, cpu=0.05), replace(CAPS, memory=None, databases=())).workers == 38


@pytest.mark.parametrize(("cpus", "workers"), [(0.1, 1), (0.5, 1), (1.0, 1), (1.5, 2), (2.0, 2), (4.0, 4), (64.0, 61)])
def test_workers_that_only_compute_are_about_as_many_as_cpus(cpus: float, workers: int) -> None:
    assert solve(NEEDS, Caps(cpus=cpus)).workers == workers


def test_a_machine_on_which_nothing_fits_gets_none_and_says_what_one_would_take() -> None:
    solution = solve(NEEDS, replace(CAPS, memory=64 * MIB))
    assert (solution.workers, solution.binding.name) == (0, "memory")
    assert solution.binding.raise_by == -(-112 * MIB * 100 // 90) - 64 * MIB  # 12 + 20 + 40 x (1 + surge) of 90 %


def test_connections_count_for_every_replica_and_while_a_reload_has_one_worker_more() -> None:
    alone = solve(NEEDS, CAPS)
    third = solve(NEEDS, replace(CAPS, databases=(replace(DATABASE, replicas=3),)))
    assert (term(alone, "connections").workers, term(third, "connections").workers) == (6, 0)


def test_limits_that_nobody_knows_limit_nothing_and_say_so() -> None:
    solution = solve(NEEDS, Caps(cpus=8))
    assert [each.name for each in solution.terms if each.workers is None] == ["memory", "connections", "files", "tasks"]
    assert solution.runner_up is None
    assert "no limit is known" in term(solution, "memory").figures


def test_the_first_worker_may_be_cheaper_than_the_others_without_being_given_back() -> None:
    odd = replace(NEEDS, first_octets=10 * MIB)
    assert term(solve(odd, CAPS), "memory").workers == (460 - 12) // 40 - 1


def test_a_formula_and_its_figures_have_the_same_shape() -> None:
    solution = solve(replace(NEEDS, growth_octets=MIB), replace(CAPS, memory_taken=5 * MIB))
    assert [(term(solution, name).formula, term(solution, name).figures) for name in ("memory", "connections")] == [
        (
            "floor((limit x (1 - reserve) - others - server - first's extra) / (further worker + growth)) - surge",
            "floor((512.0 MiB x 90 % - 5.0 MiB - 12.0 MiB - 20.0 MiB) / (40.0 MiB + 1.0 MiB)) - 1",
        ),
        (
            "floor((max_connections - reserved) / (replicas x connections of a worker)) - surge - 1 leaving",
            "floor((20 - 3) / (1 x 2)) - 1 - 1",
        ),
    ]


def test_files_bound_the_connections_of_one_worker_for_each_process_has_its_own_limit() -> None:
    assert connections_per_worker(1024, 24) == 1000
    assert connections_per_worker(10, 24) == 0
