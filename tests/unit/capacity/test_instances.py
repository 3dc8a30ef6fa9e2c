"""Machines to rent: cheapest first, the others with what they lack; burstable ones count by their baseline."""

from pathlib import Path

import pytest

from tests.unit.capacity.plans import MIB, footprint
from tonnage.capacity.database import Budget, Client
from tonnage.capacity.instances import Market, Offer, Type, lines, offers, read
from tonnage.capacity.model import Caps
from tonnage.capacity.planner import Wishes
from tonnage.errors import ConfigError

GIB = 1 << 30
LIKE = Caps(cpus=99.0, files=20_000)
BIG, SMALL = Type("big", 8, 16 * GIB, 0.4), Type("small", 2, 4 * GIB, 0.1)
BURST = Type("burst", 2, 4 * GIB, 0.04, 0.2)
TINY = Type("tiny", 2, GIB // 2, 0.005, 0.05)
WISHES = Wishes(target_rps=250)


def found(*types: Type, wishes: Wishes = WISHES, budgets: tuple[Budget, ...] = ()) -> list[Offer]:
    return offers(types, footprint(cpu_s=0.010), budgets, wishes, LIKE)


def test_as_many_as_carry_the_target_at_seventy_percent() -> None:
    small, big = found(SMALL, BIG)
    assert (small.kind.name, small.count) == ("small", 2)
    assert small.each_rps == pytest.approx(140)
    assert (big.kind.name, big.count) == ("big", 1)
    assert small.hourly == pytest.approx(0.2)


def test_a_burstable_type_counts_by_what_it_may_use_for_ever() -> None:
    (burst,) = found(BURST)
    assert burst.kind.cpus == pytest.approx(0.4)
    assert burst.each_rps == pytest.approx(28)
    assert burst.count == 9


def test_the_cheapest_comes_first_and_of_equals_the_fewest_machines() -> None:
    twin = Type("twin", 4, 8 * GIB, 0.2)
    assert [offer.kind.name for offer in found(BIG, SMALL, twin, BURST)] == ["twin", "small", "burst", "big"]


def test_a_machine_too_small_for_a_worker_is_excused_by_its_memory() -> None:
    offer = offers([TINY], footprint(worker=150 * MIB), (), WISHES, LIKE)[0]
    assert offer.excuse == "0.5 GiB carry no worker and its replacement during a reload"


def test_many_small_machines_share_the_database_and_few_big_ones_do_too() -> None:
    """20 connections: nine machines with two workers and one more in a reload would want 27."""
    budget = Budget("postgresql at db", (Client("default", None),), limit=20, reserved=3)
    small, burst = found(SMALL, BURST, budgets=(budget,))
    assert (small.kind.name, small.count, small.excuse) == ("small", 2, "")
    assert burst.excuse == "9 of them leave no worker to each, because of the max_connections of postgresql at db"


def test_a_p95_that_no_machine_keeps_is_said() -> None:
    (offer,) = found(BIG, wishes=Wishes(target_rps=10, p95_s=0.02))
    assert offer.excuse.startswith("p95 cannot be kept")


def test_a_stricter_p95_takes_more_machines() -> None:
    counts = [found(SMALL, wishes=Wishes(target_rps=1000, p95_s=limit))[0].count for limit in (1.0, 0.1, 0.045)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_a_thousand_machines_are_not_an_offer() -> None:
    (offer,) = found(TINY, wishes=Wishes(target_rps=1_000_000))
    assert "would be needed" in offer.excuse


def test_the_table_of_aws_is_dated_and_sound() -> None:
    market = read("aws")
    assert "us-east-1" in market.label
    assert "as of 20" in market.label
    families = {each.name.partition(".")[0] for each in market.types}
    assert families >= {"t3", "t3a", "t4g", "m6i", "m7i", "m7g", "c6g", "c7g", "r6g"}
    for each in market.types:
        assert each.hourly > 0
        assert (each.baseline is not None) == each.name.startswith("t")
    assert len({each.name for each in market.types}) == len(market.types)


def test_a_table_of_the_operators_own_takes_its_place(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'provider = "mine"\nregion = "cellar"\ncurrency = "EUR"\nday = "2026-02-03"\n[types]\nbox = [4, 8, 0.01]\n'
    )
    market = read(str(file))
    assert market.label == "mine cellar, EUR on demand, as of 2026-02-03"
    assert market.types == (Type("box", 4, 8 * GIB, 0.01),)


@pytest.mark.parametrize(
    "text", ["", "provider = 1\n", 'provider="a"\nregion="b"\ncurrency="c"\nday="d"\ntypes={x=[1]}']
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="not a table like the one of aws"):
        read(str(file))
    with pytest.raises(ConfigError, match="neither `aws` nor a file"):
        read(str(tmp_path / "absent.toml"))


def test_offers_are_told_cheapest_first_and_the_others_with_their_excuse() -> None:
    told = list(lines(Market("here", ()), found(BIG, SMALL, TINY, wishes=Wishes(target_rps=100_000)), WISHES, most=1))
    assert told[0].startswith("For 250 requests/s at 70% of what they can burn (here")
    assert "x big" in told[1] or "x small" in told[1]
    assert told[2].startswith("  dearer: ")
    assert told[-1].startswith("  not tiny: ")
