"""Trees of files that stand for machines, as their kernels write them; and groups of this one, where it lets us."""

from pathlib import Path

NO_LIMIT = "9223372036854771712\n"
MIB = 1 << 20


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def machine(root: Path, cpus: str = "0-7", *, affinity: str | None = None) -> Path:
    """8 CPUs, 16 GiB, no control groups."""
    write(root, "sys/devices/system/cpu/online", f"{cpus}\n")
    write(
        root, "proc/self/status", f"Name:\tpython\nCapEff:\t0000000000000000\nCpus_allowed_list:\t{affinity or cpus}\n"
    )
    write(root, "proc/meminfo", "MemTotal:       16777216 kB\nMemFree:         1 kB\nMemAvailable:   12582912 kB\n")
    write(root, "proc/loadavg", "0.10 0.20 0.30 2/345 6789\n")
    write(root, "proc/sys/kernel/pid_max", "32768\n")
    write(root, "proc/sys/kernel/threads-max", "100000\n")
    write(root, "proc/sys/net/core/somaxconn", "4096\n")
    write(root, "proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    write(
        root,
        "proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max processes             500                  unlimited            processes \n"
        "Max open files            1024                 524288               files     \n",
    )
    return root


def version_2(root: Path) -> Path:
    """A systemd service in a slice: 2.5 CPUs and 512 MiB for the slice, 4 CPUs and 1 GiB for the service."""
    machine(root)
    write(root, "proc/self/cgroup", "0::/web.slice/site.service\n")
    write(root, "proc/self/mountinfo", "35 22 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n")
    top = "sys/fs/cgroup"
    write(root, f"{top}/cgroup.controllers", "cpuset cpu memory pids\n")  # the root group has no limits
    write(root, f"{top}/cpuset.cpus.effective", "0-7\n")
    above = f"{top}/web.slice"
    write(root, f"{above}/cpu.max", "250000 100000\n")
    write(root, f"{above}/cpu.stat", "usage_usec 9\nnr_periods 50\nnr_throttled 20\nthrottled_usec 3500000\n")
    write(root, f"{above}/memory.max", f"{512 * MIB}\n")
    write(root, f"{above}/memory.high", "max\n")
    write(root, f"{above}/memory.current", f"{400 * MIB}\n")
    write(root, f"{above}/memory.stat", f"anon 1\ninactive_file {50 * MIB}\n")
    write(root, f"{above}/pids.max", "max\n")
    ours = f"{above}/site.service"
    write(root, f"{ours}/cpu.max", "400000 100000\n")
    write(root, f"{ours}/cpu.stat", "usage_usec 9\nnr_periods 40\nnr_throttled 0\nthrottled_usec 0\n")
    write(root, f"{ours}/memory.max", f"{1024 * MIB}\n")
    write(root, f"{ours}/memory.high", "max\n")
    write(root, f"{ours}/memory.current", f"{60 * MIB}\n")
    write(root, f"{ours}/memory.stat", "inactive_file 0\n")
    write(root, f"{ours}/pids.max", "100\n")
    write(root, f"{ours}/pids.current", "12\n")
    write(root, f"{ours}/cpu.pressure", "some avg10=7.50 avg60=3.25 avg300=0.00 total=1500000\nfull avg10=0.00\n")
    return root


def version_1(root: Path) -> Path:
    """A container that sees its own groups only: half a CPU, 128 MiB, two CPUs of the cpuset."""
    machine(root, affinity="2-3")
    write(
        root,
        "proc/self/cgroup",
        "12:pids:/docker/c1\n5:cpu,cpuacct:/docker/c1\n4:memory:/docker/c1\n3:cpuset:/docker/c1\n",
    )
    names = ("cpu,cpuacct", "memory", "pids", "cpuset")
    lines = [
        f"4{n} 39 0:3{n} /docker/c1 /sys/fs/cgroup/{name} ro - cgroup cgroup rw,{name}" for n, name in enumerate(names)
    ]
    write(root, "proc/self/mountinfo", "\n".join([*lines, ""]))
    top = "sys/fs/cgroup"
    write(root, f"{top}/cpu,cpuacct/cpu.cfs_quota_us", "50000\n")
    write(root, f"{top}/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
    write(root, f"{top}/cpu,cpuacct/cpu.stat", "nr_periods 10\nnr_throttled 4\nthrottled_time 2000000000\n")
    write(root, f"{top}/cpuset/cpuset.cpus", "2-3\n")
    write(root, f"{top}/cpuset/cpuset.effective_cpus", "2-3\n")
    write(root, f"{top}/memory/memory.limit_in_bytes", f"{128 * MIB}\n")
    write(root, f"{top}/memory/memory.usage_in_bytes", f"{30 * MIB}\n")
    write(root, f"{top}/memory/memory.stat", f"total_inactive_file {10 * MIB}\nhierarchical_memory_limit {128 * MIB}\n")
    write(root, f"{top}/pids/pids.max", "max\n")
    return root


def hybrid(root: Path) -> Path:
    """Version 1 has CPU; version 2 has memory and pids."""
    machine(root)
    write(root, "proc/self/cgroup", "2:cpu:/a/b\n0::/a/b\n")
    write(
        root,
        "proc/self/mountinfo",
        "35 31 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    )
    for group, quota in (("", "-1"), ("/a", "300000"), ("/a/b", "-1")):
        write(root, f"sys/fs/cgroup/cpu{group}/cpu.cfs_quota_us", f"{quota}\n")
        write(root, f"sys/fs/cgroup/cpu{group}/cpu.cfs_period_us", "200000\n")
    write(root, "sys/fs/cgroup/unified/a/b/memory.max", f"{256 * MIB}\n")
    write(root, "sys/fs/cgroup/unified/a/b/memory.current", f"{16 * MIB}\n")
    write(root, "sys/fs/cgroup/unified/a/b/cpu.max", "100 100000\n")  # not this version's to say
    return root
