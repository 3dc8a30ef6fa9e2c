"""The supervisor's ear for operators: a Unix socket with one JSON line a request (control/wire.py).

Slow, hostile and superfluous peers are peers.py's business; who sends no lines is dropped.

All that the loop has to do (each is one line there):

    control = Control(selector, log, look)         # look() -> Overview; see overview.py
    control.open(where(...))                     # never raises: without a socket the server serves all the same
    belongings.append(control.forget)            # called in forked children
    facts.extend(key.data())                     # for each selected key that has a callable as its data
    control.accepted(state.newest)               # a reload has begun: who asked for it waits for that generation
    control.refused(reason)                      # ...or has not: the settings cannot be read, or the server stops
    control.settled(generation, ok, reason)      # that generation, or a newer one, has taken over; or it is given up
    control.settled(generation, ok, reason, bakes=True)   # ...but has to prove itself yet: who waits for that, waits on
    control.started(pid)                         # a new supervisor: who asked for an upgrade waits for that one
    control.not_started(reason)                  # ...or none is, perhaps because one is there that others wait for
    control.upgraded(ok, reason, pid)            # the one that was started serves beside us; or it is gone
    control.turn(now)                            # at control.next_at
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
from pathlib import Path

from tonnage.config.values import UnixAddress
from tonnage.control import places
from tonnage.control.overview import Overview
from tonnage.control.requests import Answer, Done, Note, Reload, Reopen, Request, Scale, Status, Stop, Upgrade
from tonnage.control.wire import LONGEST_REQUEST, Lines, decode_request, encode_answer
from tonnage.errors import BindError
from tonnage.supervisor.facts import Fact, ReloadAsked, ReopenAsked, ScaleAsked, StopAsked, UpgradeAsked
from tonnage.supervisor.peers import Patience, Peer, PeerServer
from tonnage.system.listeners import Listener, open_listeners

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
class Operator(Peer):
    name: str  # for the log
    lines: Lines = field(default_factory=lambda: Lines(LONGEST_REQUEST))
    waiting: Request | None = None
    taken_as: int | None = None  # the generation of a Reload, the new supervisor's pid of an Upgrade

    def is_new(self, kind: type[Request]) -> bool:
        """It waits for something of this kind that nothing has been done about yet."""
        return isinstance(self.waiting, kind) and self.taken_as is None


class Control(PeerServer[Operator]):
    def __init__(self, selector: selectors.BaseSelector, log: logging.Logger, look: Callable[[], Overview]) -> None:
        super().__init__(selector, log, Patience(MOST_PEERS, MOST_UNREAD))
        self._look = look
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
                listener = _listen(path, place)
            except (BindError, OSError) as exc:
                problem = problem or _why(path, exc)
            else:
                self._serve(listener)
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
        self._take_as(generation, Reload)

    def refused(self, reason: str) -> None:
        self._end(lambda peer: peer.is_new(Reload), Done(False, reason))

    def settled(self, generation: int, ok: bool, reason: str, *, bakes: bool = False) -> None:
        def concerned(peer: Operator) -> bool:
            asked, reload = peer.taken_as, peer.waiting
            if not isinstance(reload, Reload) or (bakes and reload.bake):
                return False
            return asked is not None and asked <= generation

        self._end(concerned, Done(ok, reason))

    def progress(self, text: str) -> None:
        """For who waits; the log is not told."""
        self._tell(text)

    def started(self, pid: int) -> None:
        self._take_as(pid, Upgrade)

    def not_started(self, reason: str) -> None:
        self._end(lambda peer: peer.is_new(Upgrade), Done(False, reason))

    def upgraded(self, ok: bool, reason: str, pid: int | None = None) -> None:
        """Whose request is not taken in yet has asked for another one."""
        self._end(lambda peer: isinstance(peer.waiting, Upgrade) and not peer.is_new(Upgrade), Done(ok, reason, pid))

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
        super().close()

    def forget(self) -> None:
        self._log.removeHandler(self._relay)
        super().forget()

    # -- the operators' side -------------------------------------------------------------------------------------------

    def _meet(self, sock: socket.socket) -> Operator | None:
        if self._is_abstract and _uid(sock) not in (0, os.geteuid()):  # the file's mode keeps others out elsewhere
            return None
        return Operator(sock, _who(sock))

    def _spare(self) -> Operator:
        return next((each for each in self._peers if each.waiting is None), self._peers[0])

    def _hear(self, peer: Operator, data: bytes) -> Iterator[Fact]:
        try:
            lines = peer.lines.feed(data)
        except ValueError:  # no client of ours: there is nobody to answer
            self._drop(peer)
            return
        for line in lines:
            yield from self._take_in(peer, line)

    def _take_in(self, peer: Operator, line: bytes) -> Iterator[Fact]:
        try:
            request = decode_request(line)
        except ValueError as exc:
            self._say(peer, Done(False, str(exc)))
            return
        if peer.waiting is not None:
            self._say(peer, Done(False, "one request at a time: another one is not done yet"))
            return
        if isinstance(request, Status):
            self._say(peer, self._look())
            self._say(peer, Done(True, ""))
            return
        self._log.info("%s, asked for by %s", _named(request), peer.name)
        match request:
            case Scale() | Reopen():
                self._say(peer, Done(True, f"{_named(request).lower()}: asked for"))
            case _:
                peer.waiting, peer.taken_as = request, None
                self._log.addHandler(self._relay)
        yield _fact(request)

    def _take_as(self, number: int, kind: type[Request]) -> None:
        for peer in self._peers:
            if peer.is_new(kind):
                peer.taken_as = number

    def _tell(self, text: str) -> None:
        for peer in list(self._peers):
            if peer.waiting is not None:
                self._say(peer, Note(text))

    def _end(self, concerned: Callable[[Operator], bool], done: Done) -> None:
        for peer in [each for each in self._peers if concerned(each)]:
            peer.waiting, peer.taken_as = None, None
            self._say(peer, done)

    def _say(self, peer: Operator, answer: Answer) -> None:
        self._send(peer, encode_answer(answer))


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
            return f"{abs(by)} {'more' if by > 0 else 'fewer'} worker{'' if abs(by) == 1 else 's'}"
        case Reopen():
            return "Reopening of the logs"
        case _:
            return type(request).__name__


def _fact(request: Reload | Reopen | Stop | Scale | Upgrade) -> Fact:
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
