"""Which machines that can be rented would carry a rate, how many of them, cheapest first; and why the others not.

Each type is solved as this machine is (planner.best), with its own CPUs and memory. That rejected types are told with
what they lack is Netflix's idea (service-capacity-modeling, excuses). Prices are a dated table; a vCPU counts as one
CPU of the machine that was measured, which the table cannot know better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from textwrap import wrap

from tonnage.capacity import planner
from tonnage.capacity.database import Budget
from tonnage.capacity.footprint import Footprint
from tonnage.capacity.model import Caps
from tonnage.capacity.planner import Choice, Wishes
from tonnage.errors import ConfigError

OPERATING_SYSTEM = 300 << 20  # octets that a small Linux with its agents holds; measured on none of these types
UTILISATION = 0.7
"""Of what a machine can burn, where no --p95 says how much is too much: at 70 % a request of one server takes 3.3 S on
average (M/M/1, R = S / (1 - rho)), at 80 % 5 S."""
MOST = 1000  # machines of one type


@dataclass(frozen=True, slots=True)
class Type:
    name: str
    vcpus: int
    memory: int  # octets
    hourly: float
    baseline: float | None = None  # of each vCPU, for ever; None: not burstable

    @property
    def cpus(self) -> float:
        return self.vcpus * (1.0 if self.baseline is None else self.baseline)


@dataclass(frozen=True, slots=True)
class Market:
    label: str  # aws us-east-1, USD, 2025-06-01
    types: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    kind: Type
    count: int
    choice: Choice
    each_rps: float
    excuse: str = ""  # why it is none

    @property
    def hourly(self) -> float:
        return self.count * self.kind.hourly


def read(named: str) -> Market:
    """The table of a provider that we have, or a file of the same form."""
    import tomllib  # noqa: PLC0415  # as in config/files.py: 600 KB for a table that few ask for

    path = Path(__file__).with_name("aws.toml") if named == "aws" else Path(named)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        label = f"{table['provider']} {table['region']}, {table['currency']} on demand, as of {table['day']}"
        types = tuple(_type(name, row) for name, row in table["types"].items())
    except OSError as exc:
        raise ConfigError(f"--instances {named}: neither `aws` nor a file that can be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise ConfigError(f"--instances {named}: not a table like the one of aws: {type(exc).__name__}: {exc}") from exc
    return Market(label, types)


def _type(name: str, row: Sequence[float]) -> Type:
    if len(row) not in (3, 4):
        raise ValueError(f"{name} needs vCPUs, GiB, price and perhaps a baseline, not {row}")
    return Type(name, int(row[0]), int(row[1] * (1 << 30)), row[2], row[3] if len(row) == 4 else None)


def offers(
    types: Sequence[Type], footprint: Footprint, budgets: tuple[Budget, ...], wishes: Wishes, like: Caps
) -> list[Offer]:
    """Those that carry the target, cheapest first, of equals the fewest machines; then those that do not."""
    found = [_offer(each, footprint, budgets, wishes, like) for each in types]
    return sorted(found, key=lambda offer: (bool(offer.excuse), offer.hourly, offer.count))


def _offer(kind: Type, footprint: Footprint, budgets: tuple[Budget, ...], wishes: Wishes, like: Caps) -> Offer:
    """More machines leave each fewer database connections, and so it is solved anew until the number stands."""
    assert wishes.target_rps is not None
    count = 1
    while True:
        shared = replace(wishes, replicas=count)
        chosen = planner.best(footprint, budgets, shared, _caps(kind, like))
        each = _each(chosen, footprint, kind, shared)
        if not each:
            return Offer(kind, count, chosen, 0.0, _excuse(kind, count, chosen, wishes))
        needed = ceil(wishes.target_rps / each - 1e-9)
        if needed <= count:
            return Offer(kind, count, chosen, each)
        if needed > MOST:
            return Offer(kind, needed, chosen, each, f"{needed} of them would be needed")
        count = needed


def _caps(kind: Type, like: Caps) -> Caps:
    return replace(like, cpus=kind.cpus, memory=kind.memory, memory_taken=OPERATING_SYSTEM, tasks=None, tasks_taken=0)


def _each(chosen: Choice, footprint: Footprint, kind: Type, wishes: Wishes) -> float:
    if not chosen.workers:
        return 0.0
    found = planner.capacity(chosen, footprint, kind.cpus, wishes)
    return found.expected * UTILISATION if found.within_p95 is None else found.within_p95


def _excuse(kind: Type, count: int, chosen: Choice, wishes: Wishes) -> str:
    binding = chosen.solution.binding
    if not chosen.workers and binding.name == "memory":
        return f"{kind.memory / (1 << 30):g} GiB carry no worker and its replacement during a reload"
    if not chosen.workers:
        return f"{count} of them leave no worker to each, because of the {binding.what}"
    return f"p95 cannot be kept: {wishes.p95_s} s is below the service time's own and that of the waits"


def lines(market: Market, found: Sequence[Offer], wishes: Wishes, most: int = 8) -> Iterator[str]:
    """The cheapest few, and for the others in groups why they are not among them."""
    good = [offer for offer in found if not offer.excuse]
    how = f"p95 <= {wishes.p95_s} s" if wishes.p95_s is not None else f"{UTILISATION:.0%} of what they can burn"
    yield f"For {wishes.target_rps:g} requests/s at {how} ({market.label}; a vCPU taken as one CPU of this machine):"
    for offer in good[:most]:
        yield f"  {_name(offer):<18} {offer.hourly:>8.4f}/h  {_settings(offer)}, {offer.each_rps:,.0f} requests/s each"
    if not good:
        yield "  none of the table carries it"
    if len(good) > most:
        dearer = ", ".join(f"{_name(offer)} {offer.hourly:.4f}" for offer in good[most:])
        yield from wrap(f"dearer: {dearer}", 118, initial_indent="  ", subsequent_indent="    ")
    for excuse in dict.fromkeys(offer.excuse for offer in found if offer.excuse):
        names = ", ".join(offer.kind.name for offer in found if offer.excuse == excuse)
        yield from wrap(f"not {names}: {excuse}", 118, initial_indent="  ", subsequent_indent="    ")


def _name(offer: Offer) -> str:
    return f"{offer.count} x {offer.kind.name}"


def _settings(offer: Offer) -> str:
    chosen = offer.choice
    share = "" if offer.kind.baseline is None else f", its baseline of {offer.kind.cpus:g} CPUs counted"
    threads = f" x {chosen.threads} threads" if chosen.threads > 1 else ""
    return f"{chosen.workers} workers{threads} ({chosen.solution.binding.name} binds{share})"


def as_object(offer: Offer) -> dict[str, object]:
    chosen = offer.choice
    return {
        "type": offer.kind.name,
        "count": offer.count,
        "hourly": round(offer.hourly, 6),
        "workers": chosen.workers,
        "worker_class": chosen.worker_class,
        "threads": chosen.threads,
        "rps_each": offer.each_rps,
        "binding": chosen.solution.binding.name,
        "excuse": offer.excuse,
    }
