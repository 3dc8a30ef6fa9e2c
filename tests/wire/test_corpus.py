"""Every message of the corpus, whole, octet by octet, and cut in two at every place: the outcome is the same."""

from collections.abc import Iterable

import pytest

from tests.wire.corpus import Message, load
from tests.wire.drive import agrees, connect, drive, one_by_one

CORPUS = load()
each = pytest.mark.parametrize("message", CORPUS, ids=lambda message: message.name)


def fault(message: Message, pieces: Iterable[bytes]) -> str:
    """What is wrong with the outcome; "" when it is as the file says."""
    outcome = drive(connect(message), pieces, eof=message.eof)
    wanted = ("refused", message.refused) if message.refused else ("end", message.end)
    found = ("refused", outcome.refused) if outcome.refused else ("end", outcome.end)
    same = len(outcome.requests) == len(message.requests) and all(map(agrees, outcome.requests, message.requests))
    if found == wanted and same:
        return ""
    return f"{found} is not {wanted}, or\n{outcome.requests} is not\n{message.requests}"


@each
def test_whole(message: Message) -> None:
    assert fault(message, [message.octets]) == ""


@each
def test_octet_by_octet(message: Message) -> None:
    assert fault(message, one_by_one(message.octets)) == ""


@each
def test_cut_in_two_at_every_place(message: Message) -> None:
    octets = message.octets
    for at in range(1, len(octets)):
        assert fault(message, [octets[:at], octets[at:]]) == "", f"cut at {at}"


@each
def test_twice_on_what_the_memos_have_learnt(message: Message) -> None:
    """The first run teaches the memos of lines and names; the second must not be judged otherwise."""
    assert [fault(message, [message.octets]) for _ in range(2)] == ["", ""]


def test_the_corpus_has_its_size_and_says_why_each_message_is_there() -> None:
    assert len(CORPUS) >= 150
    assert [message.name for message in CORPUS if len(message.rule) < 20] == []
