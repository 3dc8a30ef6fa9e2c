"""Facts and footprints to plan with, as if they had been measured."""

from tonnage.capacity.facts import Bound, Facts, Number, Pressures, Term
from tonnage.capacity.footprint import Footprint, Weight

MIB = 1 << 20


def facts(cpus: float = 2.0, memory: int | None = 512 * MIB, tasks: int | None = None, files: int = 1024) -> Facts:
    unknown = Number(None, "test")
    return Facts(
        cpu=Bound((Term(cpus, "quota", "cpu.max"),)),
        memory=Bound((Term(memory, "memory.max", "memory.max", 10 * MIB),) if memory else ()),
        tasks=Bound((Term(tasks, "pids.max", "pids.max", 1),) if tasks else ()),
        nofile_soft=Number(files, "test"),
        nofile_hard=Number(files, "test"),
        somaxconn=unknown,
        backlog=2048,
        backlog_tcp=unknown,
        backlog_unix=unknown,
        ephemeral_ports=unknown,
        temporary=None,
        throttling=(),
        pressures=Pressures(None, None, None),
        uid=0,
    )


def footprint(cpu_s: float = 0.010, waiting_share: float = 0.0, worker: int = 40 * MIB, growth: float = 0) -> Footprint:
    return Footprint(
        app="site.wsgi",
        worker_class="sync",
        threads=1,
        paths=("/",),
        requests=200,
        plain=Weight(False, 3, 12 * MIB, worker + 10 * MIB, worker, 0.5),
        preloaded=Weight(True, 3, 50 * MIB, worker // 2, worker // 4, 0.5),
        growth_octets_per_1k=growth,
        cpu_s_per_request=cpu_s,
        service_s_per_request=cpu_s / (1 - waiting_share),
        waiting_share=waiting_share,
        os_threads=2,
        files=9,
        links=(),
        notes=(),
    )
