"""A manager's part is played by a child that puts sockets at descriptor 3 and execs, as systemd does."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tonnage.errors import BindError
from tonnage.system.activation import Activation, hand_on, take

MANAGER = """
import os, sys
fds = [os.dup2(int(fd), 100 + index) for index, fd in enumerate(sys.argv[2].split(",")) if fd]
for index, fd in enumerate(fds):
    os.dup2(fd, 3 + index)
os.environ.update(LISTEN_FDS=str(len(fds) or 1), LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""

SERVER = """
import os
from tonnage.errors import BindError
from tonnage.system.activation import take
from tonnage.system.listeners import close_listeners, open_listeners

try:
    found = take(os.environ, os.getpid())
except BindError as exc:
    raise SystemExit(f"BindError: {exc}")
assert not [name for name in os.environ if name.startswith("LISTEN_")]
listeners = open_listeners([each.address for each in found.sockets], backlog=5)
for each, listener in zip(found.sockets, listeners):
    print(each.name, listener.url, os.get_inheritable(listener.sock.fileno()))
    if listener.url.startswith("http"):
        listener.sock.setblocking(True)
        with listener.sock.accept()[0] as client:
            client.sendall(b"hello")
close_listeners(listeners, unlink=True)
"""


def activate(sockets: list[socket.socket], names: str | None = None) -> "subprocess.CompletedProcess[str]":
    environ = os.environ | ({} if names is None else {"LISTEN_FDNAMES": names})
    fds = [sock.fileno() for sock in sockets]
    command = [sys.executable, "-c", MANAGER, SERVER, ",".join(map(str, fds))]
    return subprocess.run(command, pass_fds=fds, env=environ, capture_output=True, text=True, check=False, timeout=30)


def test_inherited_sockets_serve_under_their_names(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        unix.listen()
        with socket.create_connection(tcp.getsockname()) as client:  # came before the server: it waited
            result = activate([tcp, unix], "web:admin")
            assert client.recv(100) == b"hello"
    port = tcp_port(result.stdout)
    assert result.stdout.splitlines() == [f"web http://127.0.0.1:{port} False", f"admin unix:{path} False"]
    assert result.stderr == ""
    assert Path(path).exists()  # not ours to remove


def test_systemds_own_tool_is_understood(tmp_path: Path) -> None:
    tool = shutil.which("systemd-socket-activate")
    if tool is None:
        pytest.skip("there is no systemd-socket-activate on this machine")
    path = str(tmp_path / "s")
    environ = [f"--setenv={name}" for name in ("PYTHONPATH", "COVERAGE_PROCESS_START") if name in os.environ]
    command = [tool, f"--listen={path}", "--fdname=web", *environ, sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Listening on" in process.stderr.readline()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)  # for which it starts the server, by exec in its own place
            out, _ = process.communicate(timeout=30)
    assert out == f"web unix:{path} False\n"


def tcp_port(text: str) -> str:
    return text.split()[1].rpartition(":")[2]


def test_without_names_they_are_called_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.create_connection(tcp.getsockname()):
        assert activate([tcp]).stdout.startswith("unknown http://")


def test_a_datagram_socket_is_refused_with_the_line_for_its_unit() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wrong:
        result = activate([wrong], "dns")
    assert "BindError: the socket 'dns' of $LISTEN_FDS is no stream socket; use ListenStream=" in result.stderr


def test_a_connection_is_refused_with_the_line_for_its_unit() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        result = activate([theirs])
    assert "does not listen; use Accept=no" in result.stderr


def test_a_descriptor_that_is_not_open_is_named() -> None:
    assert "BindError: the socket 'unknown' (descriptor 3) of $LISTEN_FDS is no open" in activate([]).stderr


@pytest.mark.parametrize("environ", [{}, {"LISTEN_FDS": ""}, {"LISTEN_FDS": "0", "LISTEN_PID": "7"}])
def test_nothing_handed_over_is_nothing_found(environ: dict[str, str]) -> None:
    assert take(environ, 7) == Activation()
    assert environ == {}


def test_what_was_meant_for_another_process_is_left_and_said() -> None:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": "8", "PATH": "/bin"}
    found = take(environ, 7)
    assert found.sockets == ()
    assert "process 8" in found.warning
    assert "`exec`" in found.warning
    assert environ == {"PATH": "/bin"}


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(BindError, match="is not a number"):
        take({"LISTEN_FDS": "x", "LISTEN_PID": "7"}, 7)


def test_what_is_handed_on_is_what_is_taken() -> None:
    environ: dict[str, str] = {}
    hand_on(environ, 7, ["web", "admin"])
    assert environ == {"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web:admin"}
