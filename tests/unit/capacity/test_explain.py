"""What is told is what was decided: every term, what binds, the way to one more; and a file that serves as it says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.capacity.plans import MIB, facts, footprint
from tonnage.capacity import explain, writing
from tonnage.capacity.database import Budget, Client
from tonnage.capacity.planner import Plan, Wishes, plan
from tonnage.config.sources import load
from tonnage.errors import ConfigError

SMALL = facts(memory=256 * MIB)
DAY = "2026-01-31"


def made(wishes: Wishes | None = None, waiting: float = 0.8) -> Plan:
    return plan(SMALL, footprint(waiting_share=waiting), (), wishes or Wishes(worker_class="sync"))


def text(of: Plan) -> str:
    return "\n".join(explain.lines(of))


def test_every_term_is_told_with_its_figures_and_the_one_that_binds_is_marked() -> None:
    rows = [row for row in explain.table(made().choice.solution) if not row.lstrip().startswith("=")]
    assert [row.split()[:3] for row in rows] == [
        ["cpu", "10", "next"],
        ["memory", "3", "binds"],
        ["connections", "-", "no"],
        ["files", "503", "floor((1024"],
        ["tasks", "-", "no"],
    ]
    assert "floor((256.0 MiB x 90 % - 10.0 MiB - 12.0 MiB - 10.0 MiB) / (40.0 MiB + 0.0 MiB)) - 1" in rows[1]


def test_each_formula_is_told_with_its_source() -> None:
    found = text(made())
    assert "ceil(usable CPUs x target / CPUs that one worker can burn) [utilisation law" in found
    assert "proc_pid_smaps_rollup(5)" in found


def test_what_binds_what_is_next_and_one_more() -> None:
    found = text(made())
    assert "workers = 3, worker_class = sync, threads = 1: bound by the memory limit; next would be the CPUs" in found
    missing = -(-232 * MIB * 100 // 90) - 256 * MIB  # 10 + 12 + 10 + 40 x (4 + 1) of 90 %
    assert f"One more worker: raise the memory limit by {missing} octets ({missing / MIB:.1f} MiB)." in found


def test_where_nothing_fits_it_says_so() -> None:
    nothing = plan(facts(memory=64 * MIB), footprint(), (), Wishes())
    assert "Not even one worker fits, because of the memory limit" in text(nothing)


def test_a_target_that_only_the_p95_keeps_from_being_carried_does_not_blame_the_machine() -> None:
    slow = replace(footprint(), service_p95_s=0.5)
    found = text(plan(SMALL, slow, (), Wishes(target_rps=50, p95_s=0.1)))
    assert "Within p95 <= 100 ms: none, without any wait; of the service times 95 % are within 500 ms" in found
    assert "The target of 50 requests/s is not carried within that p95." in found


def test_a_target_that_is_missed_says_what_it_would_take() -> None:
    assert "The target of 100 requests/s is carried." in text(made(Wishes(target_rps=100), waiting=0))
    missed = text(made(Wishes(target_rps=900), waiting=0))
    assert "it takes 9.00 CPUs, here are 2" in missed


def test_an_application_that_may_not_be_safe_in_threads_is_told_what_sync_takes() -> None:
    assert "--worker-class sync, of which 3 fit, bound by the memory limit" in text(made(Wishes()))


def test_a_database_is_told_with_the_most_connections_there_can_be() -> None:
    budget = Budget("postgresql at db", (Client("Django alias default", None),), limit=20, reserved=3, taken=2)
    found = text(plan(SMALL, footprint(waiting_share=0.5), (budget,), Wishes(threads=2, replicas=1)))
    assert "postgresql at db: 2 a worker (Django alias default), at most 10 during a reload, of 20" in found
    assert "3 reserved, 2 taken by others" in found


def test_json_has_the_whole_of_it() -> None:
    found = json.loads(json.dumps(explain.as_object(made())))
    assert found["settings"] == {"workers": 3, "worker_class": "sync", "threads": 1}
    assert (found["binding"], found["runner_up"]) == ("memory", "cpu")
    assert [term["name"] for term in found["terms"]] == ["cpu", "memory", "connections", "files", "tasks"]
    assert found["one_more"][0]["raise"] == "memory"


@pytest.mark.parametrize("name", ["gunicorn.conf.py", "tonnage.toml"])
def test_what_is_written_is_read_back_as_the_settings_of_the_plan(tmp_path: Path, name: str) -> None:
    wishes = Wishes(preload=True, max_requests=1000, surge=2)
    chosen = plan(SMALL, footprint(waiting_share=0.9), (), wishes)
    writing.write(chosen, tmp_path / name, DAY, force=False)
    config = load([], {}, tmp_path).config
    assert (config.workers, config.worker_class, config.threads) == (chosen.workers, "gthread", chosen.choice.threads)
    assert (config.preload_app, config.max_requests, config.reload_surge) == (True, 1000, 2)
    written = (tmp_path / name).read_text()
    assert f"on {DAY}" in written
    assert explain.one_more(chosen.choice.solution) in " ".join(written.replace("\n# ", " ").split())


def test_a_file_that_is_there_is_not_written_over_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "gunicorn.conf.py"
    path.write_text("workers = 1\n")
    with pytest.raises(ConfigError, match="--force writes over it"):
        writing.write(made(), path, DAY, force=False)
    assert path.read_text() == "workers = 1\n"
    writing.write(made(), path, DAY, force=True)
    assert "workers = 3\n" in path.read_text()


@pytest.mark.parametrize("name", ["pyproject.toml", "settings.ini"])
def test_a_file_of_another_kind_or_of_others_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="ends in"):
        writing.write(made(), tmp_path / name, DAY, force=True)
    assert not (tmp_path / name).exists()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such directory"):
        writing.write(made(), tmp_path / "nowhere" / "x.py", DAY, force=False)


def test_one_that_fits_nowhere_still_writes_a_worker(tmp_path: Path) -> None:
    nothing = plan(facts(memory=64 * MIB), footprint(), (), Wishes())
    writing.write(nothing, tmp_path / "x.toml", DAY, force=False)
    assert "workers = 1\n" in (tmp_path / "x.toml").read_text()


def test_a_worker_class_of_the_operators_own_is_kept() -> None:
    found = plan(SMALL, footprint(), (), replace(Wishes(), worker_class="my.module.Worker"))
    assert "worker_class = my.module.Worker" in explain.verdict(found)
