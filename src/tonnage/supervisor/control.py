"""The supervisor's ear for operators: a Unix socket with one JSON line a request (control/wire.py).

It never blocks the supervisor: who does not read what is sent, or sends nonsense, is dropped.

All that the loop has to do (each is one line there):

    control = Control(selector, log, look)         # look() -> Overview; see overview.py
    control.open(where(...))                     # never raises: without a socket the server serves all the same
    belongings.append(control.forget)            # called in forked children
    facts.extend(key.data())                     # for each selected key that has a callable as its data
    control.accepted(state.newest)               # a reload has begun: who asked for it waits for that generation
    control.refused(reason)                      # ...or has not: the settings cannot be read, or the server stops
    control.settled(generation, ok, reason)      # that generation, or a newer one, has taken over; or it is given up
    control.settled(generation, ok, reason, bakes=True)   # ...but has to prove itself yet: who waits for that, waits on
    control.upgraded(ok, reason, pid)            # the new supervisor serves beside us; or there is none
    control.close()                              # last of all, when no worker is left: ends what is still waited for

A supervisor that an upgrade has started opens heir(where(...)), and calls control.promote() when the old one is gone.

Who waits is told every line that the log gets meanwhile (info and above): nothing needs to be said twice. What the log
need not know, control.progress(text) tells.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from tonnage.config.values import UnixAddress
from tonnage.control import places
from tonnage.control.overview import Overview
from tonnage.control.requests import Answer, Done, Note, Reload, Reopen, Request, Scale, Status, Stop, Upgrade
from tonnage.control.wire import LONGEST_REQUEST, Lines, decode_request, encode_answer
from tonnage.errors import BindError
from tonnage.supervisor.facts import Fact, ReloadAsked, ReopenAsked, ScaleAsked, StopAsked, UpgradeAsked
from tonnage.system.listeners import Listener, close_listeners, open_listeners

MOST_PEERS = 32  # more operators at once than any server has; the oldest that waits for nothing makes room
MOST_UNREAD = 1 << 20  # octets that a peer may leave unread: an overview of some hundred workers, and many notes
BACKLOG = 16
CREDENTIALS = struct.Struct("3i")  # ucred of unix(7): pid, uid, gid


@dataclass(frozen=True, slots=True)
class Where:
    """Paths to try, the best first; and who may use the socket."""

    paths: tuple[Path, ...]
    mode: int = 0o600
    is_default: bool = False  # the directory is ours: made if need be, swept, and not used when others may write there


def where(path: str | None, mode: int, environ: Mapping[str, str]) -> Where:
    """What the settings mean, for the supervisor that this process is."""
    if path is not None:
        return Where((Path(path).absolute(),), mode)  # a later chdir must not move it
    pid, uid = os.getpid(), os.geteuid()
    return Where((*places.for_server(pid, uid, environ), places.abstract(pid, uid)), mode, is_default=True)


def heir(place: Where) -> Where:
    """For the supervisor that an upgrade has started: a socket that is named in the settings is still the old one's."""
    if place.is_default:  # has our pid in it
        return place
    return replace(place, paths=tuple(path.with_name(path.name + places.HEIR) for path in place.paths))


@dataclass(slots=True, eq=False)
class Peer:
    sock: socket.socket
    name: str  # for the log
    lines: Lines = field(default_factory=lambda: Lines(LONGEST_REQUEST))
    unsent: bytearray = field(default_factory=bytearray)
    waiting: Request | None = None
    generation: int | None = None  # that a Reload was taken in as


Asked = Fact | UpgradeAsked


class Control:
    def __init__(self, selector: selectors.BaseSelector, log: logging.Logger, look: Callable[[], Overview]) -> None:
        self._selector = selector
        self._log = log
        self._look = look
        self._listener: Listener | None = None
        self._peers: list[Peer] = []  # the oldest first
        self._relay = Relay(self._tell)

    # -- the loop's side -----------------------------------------------------------------------------------------------

    @property
    def path(self) -> Path | None:
        listener = self._listener
        address = listener.address if listener is not None else None
        return Path(address.path) if isinstance(address, UnixAddress) and not address.abstract else None

    @property
    def _is_abstract(self) -> bool:
        address = self._listener.address if self._listener is not None else None
        return isinstance(address, UnixAddress) and address.abstract

    def open(self, place: Where) -> None:
        """A socket, or one line in the log that there is none."""
        problem = ""
        for path in place.paths:
            try:
                self._listener = _listen(path, place)
            except (BindError, OSError) as exc:
                problem = problem or _why(path, exc)
            else:
                self._selector.register(self._listener.sock, selectors.EVENT_READ, self._accept)
                if place.is_default and self._is_abstract:
                    self._log.info(
                        "Control socket: %s (%s). Only user %d and root are answered.",
                        path,
                        problem.rstrip("."),
                        os.geteuid(),
                    )
                else:
                    self._log.debug("Control socket: %s", path)
                return
        self._log.info(
            "No control socket: %s. `tonnage status`, `reload`, `stop` and `upgrade` cannot reach this server, signals "
            "can. --control-socket gives it another place, --no-control-socket says that none is wanted.",
            problem.rstrip("."),
        )

    def accepted(self, generation: int) -> None:
        self._log.addHandler(self._relay)  # again, for the new settings may have made new handlers
        for peer in self._peers:
            if isinstance(peer.waiting, Reload) and peer.generation is None:
                peer.generation = generation

    def refused(self, reason: str) -> None:
        self._end(lambda peer: isinstance(peer.waiting, Reload) and peer.generation is None, Done(False, reason))

    def settled(self, generation: int, ok: bool, reason: str, *, bakes: bool = False) -> None:
        def concerned(peer: Peer) -> bool:
            asked, reload = peer.generation, peer.waiting
            if not isinstance(reload, Reload) or (bakes and reload.bake):
                return False
            return asked is not None and asked <= generation

        self._end(concerned, Done(ok, reason))

    def progress(self, text: str) -> None:
        """For who waits; the log is not told."""
        self._tell(text)

    def upgraded(self, ok: bool, reason: str, pid: int | None = None) -> None:
        self._end(lambda peer: isinstance(peer.waiting, Upgrade), Done(ok, reason, pid))

    def promote(self) -> None:
        """Take the name that the old supervisor had, if we were opened as its heir."""
        listener, path = self._listener, self.path
        if listener is None or path is None or path.suffix != places.HEIR:
            return
        with suppress(OSError):  # the old name then leads nowhere; ours still works
            path.rename(path.with_suffix(""))
            listener.address = UnixAddress(str(path.with_suffix("")))

    def close(self, reason: str = "the server has stopped") -> None:
        """A Stop is done now; what else is waited for will not come."""
        self._end(lambda peer: isinstance(peer.waiting, Stop), Done(True, reason))
        self._end(lambda peer: peer.waiting is not None, Done(False, reason))
        if self._listener is not None:
            self._selector.unregister(self._listener.sock)
            close_listeners([self._listener], unlink=True)
        for peer in list(self._peers):
            self._drop(peer)
        self.forget()

    def forget(self) -> None:
        """Close our descriptors; in a forked child they are its parent's, and so are the file and the selector."""
        self._log.removeHandler(self._relay)
        for peer in self._peers:
            peer.sock.close()
        self._peers.clear()
        if self._listener is not None:
            self._listener.sock.close()
            self._listener = None

    # -- the operators' side -------------------------------------------------------------------------------------------

    def _accept(self) -> Iterator[Asked]:
        assert self._listener is not None
        with suppress(OSError):  # it was in a hurry, or we are out of descriptors: level-triggered, we shall be back
            sock, _ = self._listener.sock.accept()
            if self._is_abstract and _uid(sock) not in (0, os.geteuid()):  # the file's mode keeps others out elsewhere
                sock.close()
                return
            sock.setblocking(False)
            peer = Peer(sock, _who(sock))
            self._peers.append(peer)
            self._selector.register(sock, selectors.EVENT_READ, partial(self._turn, peer))
            if len(self._peers) > MOST_PEERS:
                self._drop(next((each for each in self._peers if each.waiting is None), self._peers[0]))
        yield from ()

    def _turn(self, peer: Peer) -> Iterator[Asked]:
        """Something can be sent to it, or read from it."""
        self._flush(peer)
        try:
            data = peer.sock.recv(LONGEST_REQUEST) if peer in self._peers else None
            if data is None:
                return
            if not data:
                self._drop(peer)
                return
            for line in peer.lines.feed(data):
                yield from self._take_in(peer, line)
        except BlockingIOError:
            return
        except (OSError, ValueError):  # gone, or no client of ours: there is nobody to answer
            self._drop(peer)

    def _take_in(self, peer: Peer, line: bytes) -> Iterator[Asked]:
        try:
            request = decode_request(line)
        except ValueError as exc:
            self._send(peer, Done(False, str(exc)))
            return
        if peer.waiting is not None:
            self._send(peer, Done(False, "one request at a time: another one is not done yet"))
            return
        if isinstance(request, Status):
            self._send(peer, self._look())
            self._send(peer, Done(True, ""))
            return
        self._log.info("%s, asked for by %s", _named(request), peer.name)
        match request:
            case Scale() | Reopen():
                self._send(peer, Done(True, f"{_named(request).lower()}: asked for"))
            case _:
                peer.waiting, peer.generation = request, None
                self._log.addHandler(self._relay)
        yield _fact(request)

    def _tell(self, text: str) -> None:
        for peer in list(self._peers):
            if peer.waiting is not None:
                self._send(peer, Note(text))

    def _end(self, concerned: Callable[[Peer], bool], done: Done) -> None:
        for peer in [each for each in self._peers if concerned(each)]:
            peer.waiting, peer.generation = None, None
            self._send(peer, done)

    def _send(self, peer: Peer, answer: Answer) -> None:
        peer.unsent += encode_answer(answer)
        self._flush(peer)
        if len(peer.unsent) > MOST_UNREAD:
            self._drop(peer)

    def _flush(self, peer: Peer) -> None:
        if peer not in self._peers or not peer.unsent:
            return
        try:
            del peer.unsent[: peer.sock.send(peer.unsent, socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(peer)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.unsent else 0)
        self._selector.modify(peer.sock, events, partial(self._turn, peer))

    def _drop(self, peer: Peer) -> None:
        if peer in self._peers:
            self._peers.remove(peer)
            self._selector.unregister(peer.sock)
            peer.sock.close()


class Relay(logging.Handler):
    """What is logged, for who waits."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._tell(record.getMessage())
        except Exception:  # noqa: BLE001  # the rule for handlers: who logs is not to suffer for it
            self.handleError(record)


def _listen(path: Path, place: Where) -> Listener:
    """Raises BindError or OSError."""
    if place.is_default and not str(path).startswith("@"):
        places.prepare(path.parent)
    return open_listeners([UnixAddress(places.address(path))], backlog=BACKLOG, umask=0o777 & ~place.mode)[0]


def _why(path: Path, exc: Exception) -> str:
    return f"{path.parent}: {exc.strerror}" if isinstance(exc, OSError) else str(exc)


def _uid(sock: socket.socket) -> int:
    uid: int = CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))[1]
    return uid


def _who(sock: socket.socket) -> str:
    pid, uid, _ = CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return f"uid {uid} (pid {pid}) through the control socket"


def _named(request: Request) -> str:
    match request:
        case Stop(quick):
            return "Quick stop" if quick else "Stop"
        case Scale(by):
            return f"{abs(by)} {'more' if by > 0 else 'fewer'} workers"
        case Reopen():
            return "Reopening of the logs"
        case _:
            return type(request).__name__


def _fact(request: Reload | Reopen | Stop | Scale | Upgrade) -> Asked:
    match request:
        case Reload():
            return ReloadAsked()
        case Reopen():
            return ReopenAsked()
        case Stop(quick):
            return StopAsked(quick)
        case Scale(by):
            return ScaleAsked(by)
        case Upgrade():
            return UpgradeAsked()
