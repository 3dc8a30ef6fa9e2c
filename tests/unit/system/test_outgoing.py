"""What the other end of a connection has not taken yet."""

import socket

from tonnage.system.outgoing import unacknowledged


def test_it_is_counted_until_it_is_taken_and_a_closed_socket_has_none() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert unacknowledged(one.fileno()) == 0
        one.send(b"x" * 1000)
        assert unacknowledged(one.fileno()) > 0
        other.recv(1000)
        assert unacknowledged(one.fileno()) == 0
    assert unacknowledged(one.fileno()) == 0
