"""Listening sockets: opened once by the supervisor, shared by every worker through fork.

Why one shared socket, also with `reuse_port`: with a socket for each worker, the connections that wait in the accept
queue of a worker that leaves are reset, unless net.ipv4.tcp_migrate_req is set. Here `reuse_port` sets SO_REUSEPORT on
the one socket, so that a second server can listen on the same address; within a server nothing changes.

The file of a Unix socket is removed only when it is stale before we bind, and only when it is still ours at the end.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tonnage.config.values import Address, FdAddress, TcpAddress, UnixAddress
from tonnage.errors import BindError
from tonnage.system.holders import tcp_holder

UNIX_PATH_LIMIT = 107  # octets; sun_path of unix(7) with its NUL

REMEDIES = {
    errno.EACCES: "Ports below net.ipv4.ip_unprivileged_port_start (usually 1024) and others' directories need root",
    errno.EADDRNOTAVAIL: "No interface of this machine has that address; 0.0.0.0 listens on all of them",
    errno.ENOENT: "Its directory does not exist",
    errno.ENOTDIR: "Its directory is a file",
    errno.EROFS: "Its directory is on a read-only file system",
    errno.EAFNOSUPPORT: "This kernel has IPv6 switched off",
}


@dataclass(slots=True)
class Listener:
    sock: socket.socket
    address: Address
    url: str  # as logged, with the port that the kernel chose for port 0
    file: tuple[int, int] | None = None  # device and inode of the Unix socket's file that we made

    def let_wait(self, backlog: int) -> None:
        """From now on at most so many; whoever opened it says so, and Linux allows it at any time."""
        if not isinstance(self.address, FdAddress):
            self.sock.listen(backlog)

    def announce(self, scheme: str) -> None:
        """What is spoken there, for `url`."""
        name = self.sock.getsockname()
        if self.sock.family != socket.AF_UNIX:
            self.url = f"{scheme}://{TcpAddress(name[0], name[1])}"
        else:
            self.url = str(UnixAddress(name if isinstance(name, str) else os.fsdecode(name)))


def open_listeners(
    addresses: Sequence[Address],
    *,
    backlog: int,
    umask: int = 0,
    reuse_port: bool = False,
    owner: tuple[int, int] | None = None,
) -> list[Listener]:
    """All of them or none. `umask` and `owner` (uid, gid) are for the files of Unix sockets. Raises BindError."""
    listeners: list[Listener] = []
    try:
        for address in addresses:
            match address:
                case TcpAddress():
                    sock = _open_tcp(address, reuse_port=reuse_port, alone=_is_alone(address, addresses))
                    listener = Listener(sock, address, "")
                case UnixAddress():
                    listener = _open_unix(address, umask, owner)
                case FdAddress(fd):
                    listener = Listener(_adopt(fd), address, "")
            listeners.append(listener)
            listener.sock.setblocking(False)
            if not listener.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                listener.sock.listen(backlog)  # an inherited socket that listens keeps the backlog its owner gave it
            listener.announce("http")
    except OSError as exc:
        close_listeners(listeners, unlink=True)
        raise _refusal(address, exc) from exc
    except BindError:
        close_listeners(listeners, unlink=True)
        raise
    return listeners


def close_listeners(listeners: Iterable[Listener], *, unlink: bool) -> None:
    """Close our copies, and with `unlink` remove the files of Unix sockets that we made. Twice does no harm."""
    for listener in listeners:
        listener.sock.close()
        if unlink and listener.file is not None and isinstance(listener.address, UnixAddress):
            with suppress(OSError):  # gone already, or no longer ours to remove
                path = Path(listener.address.path)
                found = path.lstat()
                if (found.st_dev, found.st_ino) == listener.file:
                    path.unlink()
            listener.file = None


def _open_tcp(address: TcpAddress, *, reuse_port: bool, alone: bool) -> socket.socket:
    family, where = _resolve(address)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Linux: accepted sockets inherit it
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6 and not alone:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(where)
    except OSError:
        sock.close()
        raise
    return sock


def _is_alone(address: TcpAddress, addresses: Sequence[Address]) -> bool:
    """Whether no IPv4 listener of ours wants the port that a dual-stack `[::]` would take as well."""
    return not any(
        isinstance(other, TcpAddress) and other.port == address.port and ":" not in other.host for other in addresses
    )


def _resolve(address: TcpAddress) -> tuple[socket.AddressFamily, tuple[str, int]]:
    host = address.host or "0.0.0.0"  # noqa: S104  # what an empty host means
    try:
        found = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as exc:
        raise BindError(f"cannot listen on {address}: the name {host!r} has no address ({exc}).") from exc
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)  # localhost is 127.0.0.1 first, as in Gunicorn
    family, _, _, _, where = found[0]
    return family, (str(where[0]), address.port)


def _open_unix(address: UnixAddress, umask: int, owner: tuple[int, int] | None) -> Listener:
    if len(os.fsencode(address.path)) > UNIX_PATH_LIMIT:
        raise BindError(
            f"cannot listen on {address}: a socket's path has at most {UNIX_PATH_LIMIT} octets. Shorten it."
        )
    if not address.abstract:
        _clear_stale(address)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(umask)
    try:
        sock.bind(address.path)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)
    if address.abstract:
        return Listener(sock, address, "")
    made = Path(address.path).stat()
    listener = Listener(sock, address, "", (made.st_dev, made.st_ino))
    if owner is not None and owner != (made.st_uid, made.st_gid):
        try:
            os.chown(address.path, *owner)
        except OSError:
            close_listeners([listener], unlink=True)
            raise
    return listener


def _clear_stale(address: UnixAddress) -> None:
    """Remove the socket of a server that is gone; nothing else may be lost by a mistyped path."""
    try:
        found = Path(address.path).lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise BindError(f"cannot listen on {address}: there is something else than a socket. Choose another --bind.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(address.path)
        except ConnectionRefusedError:
            Path(address.path).unlink()
            return
        except OSError:
            pass  # a full accept queue, a datagram socket, somebody else's socket: alive as far as we can know
    raise BindError(
        f"cannot listen on {address}: a running server listens there. Stop it, or choose another address with --bind."
    )


def _adopt(fd: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=fd)
    except OSError as exc:
        raise BindError(f"cannot listen on fd://{fd}: it is not an open socket ({exc.strerror}).") from exc
    if sock.type != socket.SOCK_STREAM or sock.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        sock.detach()
        raise BindError(f"cannot listen on fd://{fd}: it is not a TCP or Unix stream socket.")
    sock.set_inheritable(False)
    return sock


def _refusal(address: Address, exc: OSError) -> BindError:
    if exc.errno == errno.EADDRINUSE:
        holder = tcp_holder(address.port) if isinstance(address, TcpAddress) else None
        who = f" by {holder}" if holder else ""
        return BindError(f"cannot listen on {address}: it is in use{who}. Stop that, or choose another with --bind.")
    remedy = REMEDIES.get(exc.errno or 0, "")
    return BindError(f"cannot listen on {address}: {exc.strerror or exc}. {remedy}".rstrip(". ") + ".")
