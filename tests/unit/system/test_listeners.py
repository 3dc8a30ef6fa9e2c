import os
import socket
import stat
from pathlib import Path

import pytest

from tonnage.config.values import Address, FdAddress, TcpAddress, UnixAddress
from tonnage.errors import BindError
from tonnage.system.listeners import Listener, close_listeners, open_listeners
from tonnage.system.queues import accept_queue

LOCAL = TcpAddress("127.0.0.1", 0)


def open_one(address: Address, *, umask: int = 0, reuse_port: bool = False) -> Listener:
    (listener,) = open_listeners([address], backlog=5, umask=umask, reuse_port=reuse_port)
    return listener


def close(*listeners: Listener) -> None:
    close_listeners(listeners, unlink=True)


def connect(listener: Listener) -> None:
    with socket.socket(listener.sock.family) as client:
        client.connect(listener.sock.getsockname())


def test_a_tcp_listener_says_where_it_really_listens() -> None:
    listener = open_one(LOCAL)
    port = listener.sock.getsockname()[1]
    assert listener.url == f"http://127.0.0.1:{port}"
    assert not listener.sock.getblocking()
    assert not listener.sock.get_inheritable()
    connect(listener)
    accepted, _ = listener.sock.accept()
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "inherited, so no call for each connection"
    accepted.close()
    close(listener)


def test_the_scheme_is_the_callers_to_know() -> None:
    (listener,) = open_listeners([LOCAL], backlog=5)
    listener.announce("https")
    assert listener.url.startswith("https://127.0.0.1:")
    close(listener)


def test_ipv6_is_bracketed() -> None:
    listener = open_one(TcpAddress("::1", 0))
    assert listener.url == f"http://[::1]:{listener.sock.getsockname()[1]}"
    close(listener)


def test_localhost_is_ipv4_and_an_empty_host_is_everywhere() -> None:
    local, everywhere = open_listeners([TcpAddress("localhost", 0), TcpAddress("", 0)], backlog=5)
    assert local.sock.getsockname()[0] == "127.0.0.1"
    assert everywhere.sock.getsockname()[0] == "0.0.0.0"
    close(local, everywhere)


def test_both_wildcards_can_share_a_port() -> None:
    first = open_one(TcpAddress("0.0.0.0", 0))
    port = first.sock.getsockname()[1]
    close(first)
    four, six = open_listeners([TcpAddress("0.0.0.0", port), TcpAddress("::", port)], backlog=5)
    connect(four)
    connect(six)
    close(four, six)


def test_a_port_in_use_is_refused_with_its_holder() -> None:
    held = open_one(LOCAL)
    port = held.sock.getsockname()[1]
    with pytest.raises(BindError, match=rf"127\.0\.0\.1:{port}: it is in use by process {os.getpid()} \("):
        open_one(TcpAddress("127.0.0.1", port))
    close(held)


def test_reuse_port_lets_a_second_server_listen() -> None:
    first = open_one(LOCAL, reuse_port=True)
    second = open_one(TcpAddress("127.0.0.1", first.sock.getsockname()[1]), reuse_port=True)
    close(first, second)


def test_either_all_addresses_are_opened_or_none(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    with pytest.raises(BindError):
        open_listeners([UnixAddress(str(path)), TcpAddress("192.0.2.1", 0)], backlog=5)
    assert not path.exists()


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        (TcpAddress("192.0.2.1", 0), "No interface of this machine has that address"),
        (TcpAddress("name.invalid", 0), "has no address"),
        (UnixAddress("/nowhere/at/all"), "Its directory does not exist"),
        (UnixAddress("/dev/null/x"), "Its directory is a file"),
        (UnixAddress("/tmp/" + "x" * 120), "at most 107 octets"),
        (UnixAddress("/dev/null"), "something else than a socket"),
        (FdAddress(999_999), "not an open socket"),
    ],
)
def test_a_refusal_says_what_to_do(address: Address, remedy: str) -> None:
    with pytest.raises(BindError, match=remedy):
        open_one(address)


def test_a_unix_socket_has_the_wanted_mode_and_goes_with_us(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    listener = open_one(UnixAddress(str(path)), umask=0o117)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert listener.url == f"unix:{path}"
    connect(listener)
    close(listener)
    assert not path.exists()
    close(listener)


def test_the_socket_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    dead = open_one(UnixAddress(str(path)))
    dead.sock.close()
    listener = open_one(UnixAddress(str(path)))
    connect(listener)
    close(listener)


def test_the_socket_of_a_live_server_is_not(tmp_path: Path) -> None:
    address = UnixAddress(str(tmp_path / "sock"))
    live = open_one(address)
    with pytest.raises(BindError, match="a running server listens there"):
        open_one(address)
    connect(live)
    close(live)


def test_what_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(BindError, match="something else than a socket"):
        open_one(UnixAddress(str(path)))
    assert path.read_text() == "data"


def test_the_socket_of_a_successor_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    ours = open_one(UnixAddress(str(path)))
    path.unlink()
    successor = open_one(UnixAddress(str(path)))
    close(ours)
    connect(successor)
    close(successor)


def test_an_abstract_socket_needs_no_file() -> None:
    name = f"\0tonnage-test-{os.getpid()}"
    listener = open_one(UnixAddress(name))
    assert listener.url == f"unix:@{name[1:]}"
    connect(listener)
    with pytest.raises(BindError, match="in use"):
        open_one(UnixAddress(name))
    close(listener)


def test_an_inherited_socket_is_taken_over() -> None:
    given = socket.create_server(("127.0.0.1", 0))
    port = given.getsockname()[1]
    given.set_inheritable(True)
    listener = open_one(FdAddress(given.detach()))
    assert listener.url == f"http://127.0.0.1:{port}"
    assert not listener.sock.get_inheritable()
    connect(listener)
    close(listener)


def test_an_inherited_socket_may_still_have_to_listen() -> None:
    given = socket.socket()
    given.bind(("127.0.0.1", 0))
    listener = open_one(FdAddress(given.detach()))
    connect(listener)
    close(listener)


def test_an_inherited_file_of_another_kind_stays_open_and_is_refused(tmp_path: Path) -> None:
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    with pytest.raises(BindError, match="not a TCP or Unix stream socket"):
        open_one(FdAddress(datagrams.fileno()))
    datagrams.getsockname()
    datagrams.close()
    with (tmp_path / "file").open("w") as file:
        with pytest.raises(BindError, match="not an open socket"):
            open_one(FdAddress(file.fileno()))
        file.write("still open")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_file_of_a_unix_socket_is_given_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    (listener,) = open_listeners([UnixAddress(str(path))], backlog=5, owner=(65534, -1))
    assert path.stat().st_uid == 65534
    assert path.stat().st_gid == os.getegid()
    close(listener)
    assert not path.exists()


def test_the_backlog_is_changed_of_what_we_opened_and_not_of_what_we_were_handed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=9) as given:
        handed = open_one(FdAddress(os.dup(given.fileno())))
        mine = [open_one(LOCAL), open_one(UnixAddress(str(tmp_path / "s")))]
        for listener in (handed, *mine):
            listener.let_wait(7)
        assert [accept_queue(each.sock).limit for each in (handed, *mine)] == [9, 7, 7]
        close(handed, *mine)
