"""What is wrong with a head is seen as soon as it can be, and no octet is looked at twice."""

import pytest

from tonnage.errors import RemoteProtocolError
from tonnage.http.limits import Limits
from tonnage.http.structure import Watch, inspect

SMALL = Limits(request_line=20, fields=2, field_size=12, head=43)


def look(octets: bytes, limits: Limits = SMALL) -> None:
    """Octet by octet, as the slowest client sends."""
    watch, head = Watch(), bytearray()
    for at in range(len(octets)):
        head += octets[at : at + 1]
        watch.look(head, limits)


@pytest.mark.parametrize(
    "octets", [b"", b"G", b"G" * 20 + b"\r", b"G" * 20 + b"\r\n" + b"X" * 10 + b"\r", b"GET\r\nA: b\r\nB: c\r\n\r"]
)
def test_what_may_become_a_head_is_let_pass(octets: bytes) -> None:
    look(octets)


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\0", 400), (b" ", 400), (b"\n", 400), (b"\r", 400), (b"\xff", 400),
        (b"G\n", 400), (b"G\r\nA\n", 400),
        (b"G" * 21, 414), (b"G" * 20 + b"\rG", 414),
        (b"G\r\n" + b"X" * 11, 431), (b"G\r\n" + b"X" * 10 + b"\rX", 431),
        (b"G\r\nA:\r\nB:\r\nC", 431),
        (b"G" * 20 + b"\r\n" + b"X" * 10 + b"\r\n" + b"Y" * 10, 431),
    ],
)  # fmt: skip
def test_faults_are_seen_at_the_first_octet_that_shows_them(octets: bytes, status: int) -> None:
    look(octets[:-1])
    with pytest.raises(RemoteProtocolError) as caught:
        look(octets)
    assert caught.value.status == status


def test_a_whole_head_is_judged_in_the_order_of_its_octets() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        inspect(b"G" * 21 + b"\r\nA\nB", SMALL)
    assert caught.value.status == 414
    inspect(b"GET\r\nA: b\r\nB: c", SMALL)


class Counting(bytearray):
    """Counts the octets that a search may look at."""

    looked = 0

    def find(self, what: bytes, at: int) -> int:  # type: ignore[override]
        Counting.looked += len(self) - at
        return super().find(what, at)


def test_octets_that_come_one_by_one_are_each_looked_at_once() -> None:
    watch, head = Watch(), Counting()
    for _ in range(5000):
        head += b"G"
        watch.look(head, Limits())
    assert Counting.looked == 5000
