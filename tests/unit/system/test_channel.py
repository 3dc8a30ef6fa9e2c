import os
import socket

import pytest

from tonnage.messages import (
    BootFailed,
    Drain,
    Message,
    Quit,
    Ready,
    Recycle,
    ReopenLogs,
    Spawn,
    ZygoteReady,
    boot_failed,
)
from tonnage.system.channel import LARGEST, Channel, pair


def test_every_message_arrives_whole_and_in_order() -> None:
    ours, theirs = pair()
    sent: list[Message] = [
        Ready(7),
        BootFailed(7, 3, "why", "line\n" * 3),
        Drain(1.5),
        Recycle("old", urgent=True),
        ZygoteReady(7, ["thread"]),
        Quit(),
        ReopenLogs(),
    ]
    for message in sent:
        assert theirs.send(message)
    assert [ours.receive() for _ in sent] == sent
    assert ours.receive() is None
    ours.close()
    theirs.close()


@pytest.mark.parametrize("character", ["x", "\0", "\udcff", "\N{PILE OF POO}"])
def test_a_boot_that_failed_with_very_many_words_is_told_with_its_first_and_its_last(character: str) -> None:
    ours, theirs = pair()
    many = character * 99_999
    assert theirs.send(boot_failed(7, 3, f"first {many} last", f"first {many} last"))
    told = ours.receive()
    assert isinstance(told, BootFailed)
    for text in (told.reason, told.detail):
        assert text.startswith("first")
        assert "[...]" in text
        assert text.endswith("last")
    ours.close()
    theirs.close()


def test_the_end_comes_after_everything_that_was_said() -> None:
    ours, theirs = pair()
    theirs.send(Ready(7))
    theirs.close()
    assert ours.receive() == Ready(7)
    with pytest.raises(EOFError):
        ours.receive()
    ours.close()


def test_last_words_are_heard_though_an_order_was_left_unread() -> None:
    """Linux reports the unread message first, as a reset."""
    ours, theirs = pair()
    ours.send(Quit())
    theirs.send(BootFailed(7, 4, "why", ""))
    theirs.close()
    assert ours.receive() == BootFailed(7, 4, "why", "")
    with pytest.raises(EOFError):
        ours.receive()
    ours.close()


def test_telling_one_who_is_gone_is_no_error() -> None:
    ours, theirs = pair()
    theirs.close()
    assert not ours.send(Quit())
    ours.close()


def test_telling_one_who_does_not_listen_never_blocks() -> None:
    ours, theirs = pair()
    told = 0
    while ours.send(Quit()):
        told += 1
    assert told > 0
    assert theirs.receive() == Quit()
    ours.close()
    theirs.close()


def test_a_long_message_fits_and_a_longer_one_is_refused() -> None:
    ours, theirs = pair()
    long = BootFailed(7, 3, "why", "x" * (LARGEST - 200))
    assert theirs.send(long)
    assert ours.receive() == long
    with pytest.raises(ValueError, match="too long"):
        theirs.send(BootFailed(7, 3, "why", "x" * LARGEST))
    ours.close()
    theirs.close()


@pytest.mark.parametrize("junk", [b"junk", b"{}", b"[]", b"\xff", b'{"kind": "Nothing"}', b'{"kind": "Ready"}'])
def test_nonsense_is_a_value_error_and_the_next_message_is_heard(junk: bytes) -> None:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours, theirs = Channel(left), Channel(right)
    right.send(junk)
    theirs.send(Quit())
    with pytest.raises(ValueError):
        ours.receive()
    assert ours.receive() == Quit()
    ours.close()
    theirs.close()


def test_the_end_needs_every_copy_closed() -> None:
    ours, theirs = pair()
    copy = os.dup(theirs.fileno())
    theirs.close()
    assert ours.receive() is None
    os.close(copy)
    with pytest.raises(EOFError):
        ours.receive()
    ours.close()


def test_descriptors_go_along() -> None:
    here, there = pair()
    read, write = os.pipe()
    assert here.send(Spawn(age=1, slot=0), [write])
    os.close(write)
    received = there.receive_with_fds()
    assert received is not None
    message, (theirs,) = received
    assert message == Spawn(age=1, slot=0)
    assert not os.get_inheritable(theirs)
    os.write(theirs, b"x")
    assert os.read(read, 1) == b"x"
    os.close(theirs)
    assert os.read(read, 1) == b"", "no copy was left"
    assert there.receive_with_fds() is None
    here.close()
    there.close()
    os.close(read)


def test_descriptors_that_nobody_asked_for_are_closed() -> None:
    here, there = pair()
    read, write = os.pipe()
    here.send(Quit(), [write])
    os.close(write)
    assert there.receive() == Quit()
    assert os.read(read, 1) == b""
    here.close()
    there.close()
    os.close(read)
