from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tonnage.config import values
from tonnage.config.gunicorn import WORKER_CLASSES
from tonnage.config.kinds import COUNT, COUNT_OR_AUTO, OCTETS, PATH, SECONDS, SWITCH, optional
from tonnage.config.setting import Kind, at_least, setting
from tonnage.config.values import AUTO, Automatic


def worker_class(raw: object) -> str:
    """A name, a dotted path or a class, as the name of the worker class that does it."""
    if isinstance(raw, str):
        name = raw.strip()
    elif isinstance(raw, type):
        names = [f"{each.__module__}.{each.__qualname__}" for each in raw.__mro__]
        name = next((each for each in names if each in WORKER_CLASSES), names[0])
    else:
        raise ValueError(f"must be a name such as {_listed(('sync', 'gthread'))}, or a class")  # noqa: TRY004
    name = name.removeprefix("egg:gunicorn#")
    found = WORKER_CLASSES.get(name.replace(":", "."), name)
    if "Uvicorn" in re.split("[.:]", found)[-1]:  # somebody's subclass, which is there to set options of uvicorn
        return "asgi"
    if found not in WORKER_CLASSES.values() and "." not in found and ":" not in found:
        raise ValueError(f"must be {_listed(sorted(set(WORKER_CLASSES.values())))}, or a dotted path to a class")
    return found


def health_path(raw: object) -> str:
    text = values.string(raw)
    if not re.fullmatch(r"/[!-~]*", text):
        raise ValueError("must be a path from the root, as it stands in a request line: /healthz")
    return text


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" or {names[-1]}"


def one_or_auto(value: int) -> str | None:
    return None if isinstance(value, Automatic) else at_least(1)(value)


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Workers."""

    workers: int = setting(
        AUTO,
        "-w",
        "--workers",
        kind=COUNT_OR_AUTO,
        variable="WEB_CONCURRENCY",
        check=one_or_auto,
        meaning="How many worker processes serve requests; `auto` is as many as the CPU and the memory carry, decided "
        "when the first worker is ready and its memory can be measured.",
        why="One worker caps every machine, and a number that fits one machine does not fit the next.",
    )
    min_workers: int = setting(
        1,
        "--min-workers",
        kind=COUNT,
        check=at_least(1),
        meaning="The fewest workers that `workers = auto`, and a TTOU, may come to.",
    )
    max_workers: int = setting(
        0,
        "--max-workers",
        kind=COUNT,
        check=at_least(0),
        meaning="The most workers that `workers = auto`, and a TTIN, may come to; 0 is as many as there is room for.",
    )
    worker_class: str = setting(
        "sync",
        "-k",
        "--worker-class",
        kind=Kind("NAME", worker_class),
        meaning="How a worker serves: sync (one request at a time), gthread (a pool of threads) or asgi (an event "
        "loop); where none is given, an ASGI application gets asgi.",
        why="One request at a time is the easiest to reason about; `threads` above 1 turns it into gthread.",
    )
    threads: int = setting(
        1,
        "--threads",
        kind=COUNT,
        check=at_least(1),
        meaning="How many requests one worker serves at the same time, each in a thread.",
    )
    worker_connections: int = setting(
        1000,
        "--worker-connections",
        kind=COUNT,
        check=at_least(1),
        meaning="How many connections one worker may hold open, idle ones included.",
        why="Bounds the memory and file descriptors that slow or idle clients can take.",
    )
    max_requests: int = setting(
        0,
        "--max-requests",
        kind=COUNT,
        check=at_least(0),
        meaning="Replace a worker after so many requests; 0 never does.",
    )
    max_requests_jitter: int = setting(
        0,
        "--max-requests-jitter",
        kind=COUNT,
        check=at_least(0),
        meaning="Up to so many requests are added to max_requests, at random for each worker.",
        why="Set it with max_requests, or all workers reach the limit together.",
    )
    max_worker_lifetime: float = setting(
        0.0,
        "--max-worker-lifetime",
        kind=SECONDS,
        meaning="Replace a worker after so many seconds; 0 never does.",
        why="Off: recycling hides leaks, so it is asked for.",
    )
    max_worker_memory: int = setting(
        0,
        "--max-worker-memory",
        kind=OCTETS,
        check=at_least(0),
        meaning="Replace a worker that has grown over so many bytes (its proportional share, PSS); 0 never does.",
        why="Off: what is too much depends on the machine and the application.",
    )
    max_total_memory: int = setting(
        0,
        "--max-total-memory",
        kind=OCTETS,
        check=at_least(0),
        meaning="How many bytes all processes of this server may take together (PSS); over it the biggest idle worker "
        "is replaced. 0 is 90 % of the memory limit of the cgroup, and no ceiling where there is no limit.",
        why="At 100 % the kernel kills a process of its own choice, in the middle of a request; 10 % is room for the "
        "replacement to load.",
    )
    reload_surge: int = setting(
        1,
        "--reload-surge",
        kind=COUNT,
        check=at_least(1),
        meaning="How many workers more than wanted may live while new ones take over from old ones.",
        why="One at a time costs the memory of one worker. More is faster, and needs room for that many.",
    )
    reload_bake: float = setting(
        30.0,
        "--reload-bake",
        kind=SECONDS,
        meaning="How long a new generation must have served before the one it replaced is forgotten; until then a "
        "crash loop goes back to the old one, and one old worker serves each address that is bound no more.",
        why="What is wrong with a release mostly shows within its first requests; the sleeping image costs memory.",
    )
    health_path: str | None = setting(
        None,
        "--health-path",
        kind=optional(Kind("PATH", health_path)),
        meaning="A path that a new worker is asked for before it counts as ready; a status of 500 or above, or no "
        "answer within `timeout`, fails its boot.",
        why="Off: which path is cheap and true only the application knows. It finds what an import does not: a "
        "missing migration, a wrong password.",
    )
    preload_app: bool = setting(
        False,
        "--preload",
        kind=SWITCH,
        meaning="Import the application once and fork the workers from there, so that they share its memory.",
    )
    worker_tmp_dir: str | None = setting(
        None,
        "--worker-tmp-dir",
        kind=PATH,
        meaning="Directory for the workers' heartbeat files.",
    )
