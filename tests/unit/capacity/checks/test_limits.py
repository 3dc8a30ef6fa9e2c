from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.capacity.checks.worlds import GIB, PLENTY, with_cpus, with_memory
from tonnage.capacity.application import Application
from tonnage.capacity.checks import limits
from tonnage.capacity.facts import Bound, Facts, Number, Pressures, Term
from tonnage.capacity.finding import Finding, Verdict
from tonnage.config.model import Config
from tonnage.config.values import FdAddress, TcpAddress, UnixAddress
from tonnage.system.cpus import Throttling
from tonnage.system.filesystems import FileSystem
from tonnage.system.pressure import Pressure

MIB = 1 << 20
APP = Application("wsgi", 40 * MIB)
FOUR = Config(workers=4)


def found(check: limits.Check, facts: Facts, config: Config = FOUR, app: Application | None = None) -> Finding:
    finding = check(facts, config, app)
    assert finding is not None
    return finding


def test_with_plenty_of_everything_nothing_binds() -> None:
    for check in limits.CHECKS:
        finding = check(PLENTY, FOUR, APP)
        assert finding is None or finding.verdict in (Verdict.OK, Verdict.NOTE), finding


@pytest.mark.parametrize(
    ("facts", "verdict", "effective"),
    [
        (PLENTY, Verdict.OK, "4"),
        (with_cpus(1.5), Verdict.NOTE, "1.5 of 4"),
        (with_cpus(2, "affinity"), Verdict.NOTE, "2 of 4"),
        (with_cpus(0.5), Verdict.CAP, "0.5"),
    ],
)
def test_cpus(facts: Facts, verdict: Verdict, effective: str) -> None:
    finding = found(limits.cpus, facts)
    assert (finding.verdict, finding.effective) == (verdict, effective)
    assert ("docker run --cpus" in finding.remedy) == (facts.cpus_bound_by == "quota")


@pytest.mark.parametrize(
    ("workers", "cpus", "verdict", "remedy"),
    [
        (1, 4.0, Verdict.CAP, "--workers auto, or at least 4"),
        (1, 1.5, Verdict.CAP, "--workers auto, or at least 2"),
        (1, 1.0, Verdict.OK, ""),
        (2, 1.5, Verdict.OK, ""),
    ],
)
def test_fewer_workers_than_cpus_are_a_cap(workers: int, cpus: float, verdict: Verdict, remedy: str) -> None:
    finding = found(limits.workers, with_cpus(cpus), Config(workers=workers))
    assert (finding.verdict, finding.remedy) == (verdict, remedy)


@pytest.mark.parametrize(("kind", "effective"), [("wsgi", "up to 9"), ("asgi", "up to 4")])
def test_workers_that_are_chosen_at_the_start(kind: str, effective: str) -> None:
    finding = found(limits.workers, PLENTY, Config(workers=0), Application(kind, 1))
    assert (finding.verdict, finding.requested, finding.effective) == (Verdict.OK, "auto", effective)


def test_workers_that_do_not_fit_into_memory() -> None:
    finding = found(limits.memory, with_memory(160 * MIB, used=20 * MIB), FOUR, APP)  # 4 x 40, and 90 % of 140 are 126
    assert finding.verdict is Verdict.CAP
    assert finding.requested == "4 x 40 MiB"
    assert finding.effective == "140 MiB of 160 MiB"
    assert finding.remedy == "--workers 2, or a limit above 198 MiB"  # 3 fit, and one more runs during a reload


def test_workers_that_fit_until_a_reload() -> None:
    finding = found(limits.memory, with_memory(200 * MIB), FOUR, APP)  # 180: room for 4, not for 5
    assert finding.verdict is Verdict.CAP
    assert "enough, but not for 1 more during a reload" in finding.because
    assert finding.remedy == "--workers 3, or a limit above 222 MiB"
    assert found(limits.memory, with_memory(223 * MIB), FOUR, APP).verdict is Verdict.OK


def test_memory_without_an_application_or_without_figures() -> None:
    assert found(limits.memory, PLENTY).effective == "7 GiB of 8 GiB"
    assert found(limits.memory, replace(PLENTY, memory=Bound(()))).verdict is Verdict.UNKNOWN


def test_a_ceiling_of_our_own_above_the_groups_is_none() -> None:
    assert limits.total_memory(PLENTY, FOUR, None) is None
    finding = found(limits.total_memory, with_memory(GIB), Config(max_total_memory=2 * GIB))
    assert (finding.verdict, finding.remedy) == (Verdict.CAP, "--max-total-memory 921m")
    assert found(limits.total_memory, with_memory(4 * GIB), Config(max_total_memory=2 * GIB)).verdict is Verdict.OK


def test_descriptors_for_every_connection() -> None:
    few = replace(PLENTY, nofile_soft=Number(1024, "limits"), nofile_hard=Number(1024, "limits"))
    finding = found(limits.files, few, Config(worker_connections=1000, threads=4))
    assert (finding.verdict, finding.effective) == (Verdict.CAP, "1024")
    assert "LimitNOFILE=1056" in finding.remedy
    assert finding.remedy.endswith("as root, for the hard limit is 1024")
    assert found(limits.files, few, Config(worker_connections=900)).verdict is Verdict.OK
    assert found(limits.files, replace(few, nofile_soft=Number(None, ""))).effective == "any number"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("pids.max", "TasksMax=118"),
        ("RLIMIT_NPROC", "LimitNPROC=118"),
        ("kernel.pid_max", "sysctl -w kernel.pid_max=118"),
    ],
)
def test_processes_and_threads(name: str, remedy: str) -> None:
    tight = replace(PLENTY, tasks=Bound((Term(110, name, "file", used=86),)))
    finding = found(limits.tasks, tight, Config(workers=4, threads=4))  # 5 x 6 and 2
    assert (finding.verdict, finding.effective) == (Verdict.CAP, "24")
    assert finding.remedy.startswith(remedy)
    assert found(limits.tasks, tight, Config(workers=2, threads=4)).verdict is Verdict.OK


def test_the_backlog_the_kernel_made_of_it() -> None:
    facts = replace(PLENTY, somaxconn=Number(128, ""), backlog_tcp=Number(128, "TCP_INFO of a listener"))
    config = Config(bind=(TcpAddress("", 8000), UnixAddress("/run/x")))
    finding = found(limits.backlog_tcp, facts, config)
    assert str(finding) == ("2048 requested, 128 effective: net.core.somaxconn is 128 (TCP_INFO of a listener)")
    assert finding.remedy.startswith("sysctl -w net.core.somaxconn=2048;")
    assert "docker run --sysctl net.core.somaxconn=2048" in finding.remedy
    assert found(limits.backlog_unix, facts, config).verdict is Verdict.OK
    assert limits.backlog_inherited(facts, config, None) is None


def test_the_backlog_of_sockets_that_are_not_ours() -> None:
    config = Config(bind=(FdAddress(3),))
    assert limits.backlog_tcp(PLENTY, config, None) is limits.backlog_unix(PLENTY, config, None) is None
    assert "Backlog=" in found(limits.backlog_inherited, PLENTY, config).because
    silent = replace(PLENTY, backlog_tcp=Number(None, ""))
    assert found(limits.backlog_tcp, silent, Config()).verdict is Verdict.UNKNOWN


def test_bodies_on_a_file_system_in_memory() -> None:
    tmpfs = FileSystem(Path("/tmp"), "tmpfs", Path("/tmp"), 100 * GIB)
    finding = found(limits.temporary, replace(with_memory(512 * MIB), temporary=tmpfs), Config(limit_request_body=GIB))
    assert (finding.verdict, finding.effective) == (Verdict.CAP, "512 MiB")
    assert "--tmp-upload-dir" in finding.remedy
    assert found(limits.temporary, replace(PLENTY, temporary=tmpfs)).verdict is Verdict.NOTE
    assert found(limits.temporary, replace(PLENTY, temporary=None)).verdict is Verdict.UNKNOWN


def test_bodies_that_the_disk_cannot_hold() -> None:
    small = replace(PLENTY, temporary=FileSystem(Path("/tmp"), "ext4", Path("/"), 600 * MIB))
    finding = found(limits.temporary, small, Config(limit_request_body=GIB))
    assert (finding.verdict, finding.effective) == (Verdict.CAP, "600 MiB")
    assert finding.remedy.startswith("--limit-request-body 300m")


@pytest.mark.parametrize(("throttled", "verdict"), [(0, Verdict.OK), (5, Verdict.NOTE), (10, Verdict.CAP)])
def test_throttling(throttled: int, verdict: Verdict) -> None:
    facts = replace(PLENTY, throttling=(Throttling(1000, 0, 0, Path("a")), Throttling(1000, throttled, 2.5, Path("b"))))
    assert found(limits.throttling, facts).verdict is verdict
    assert limits.throttling(PLENTY, FOUR, None) is None


@pytest.mark.parametrize(("percent", "verdict"), [(3.0, Verdict.OK), (25.0, Verdict.NOTE)])
def test_pressure(percent: float, verdict: Verdict) -> None:
    some = Pressure(0.0, percent, 1.0, Path("/proc/pressure/memory"))
    finding = found(limits.pressure, replace(PLENTY, pressures=Pressures(None, some, None)))
    assert (finding.verdict, finding.effective) == (verdict, f"memory {percent:g} %")
    assert limits.pressure(PLENTY, FOUR, None) is None


def test_ports_of_our_own() -> None:
    assert "470 new connections a second" in found(limits.ports, PLENTY).because
    assert limits.ports(replace(PLENTY, ephemeral_ports=Number(None, "")), FOUR, None) is None
