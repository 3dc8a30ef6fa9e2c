"""TLS for the sync and gthread workers: below the requests of desk.py, above the descriptors.

A session encrypts in memory (ssl.MemoryBIO), so nothing here can wait: a client that is slow with its handshake costs a
descriptor, and has the time for a head (`head_timeout`) in all. Where a connection has no session any more, or has
never had one (a sibling of before a reload has passed it on), its octets go in the clear: that is how a goodbye is
followed by silence, and how who speaks HTTP here is told what to do.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress
from threading import Lock

from tonnage.errors import RemoteProtocolError
from tonnage.system.scoreboard import Slot
from tonnage.system.tls import Certificates, describe, refuse_http, report
from tonnage.workers.client import Client, Door, Peer, Phase
from tonnage.workers.clients import Clients
from tonnage.workers.desk import RECEIVE, Desk
from tonnage.workers.exchange import Tools
from tonnage.workers.line import Line
from tonnage.workers.mailbox import Mailbox
from tonnage.workers.poller import READ, WRITE, Poller
from tonnage.workers.rules import Rules

RECORD = 16384  # octets of one record, at most (RFC 8446 5.1)
BLOCK = 65536  # octets of a file read at a time
READING = (Phase.FRESH, Phase.KEPT, Phase.HEAD, Phase.CONTENT)


class Session:
    """One connection's TLS. A thread of the application may write while another of ours reads: hence the lock."""

    __slots__ = (
        "_begun", "_fd", "_incoming", "_outgoing", "_over", "_ragged", "_tail", "_taken", "ended", "lock", "shaken",
        "tls",
    )  # fmt: skip

    def __init__(self, fd: int, context: ssl.SSLContext, *, ragged: bool) -> None:
        self._fd = fd
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._ragged = ragged  # an end without a goodbye is an end
        self._tail: bytes | memoryview = b""  # encrypted, not taken by the socket yet
        self._taken = 0  # octets whose encryption is the tail's end: reported when the socket has it
        self._begun = False
        self._over = False
        self.shaken = False
        self.ended = False  # what was read last was the client's last
        self.lock = Lock()

    def shake(self) -> bool:
        """A step of the handshake; False: more must come, or go (`flush`). Raises OSError when there will be none."""
        while True:
            try:
                self.tls.do_handshake()
                self.shaken = True
            except ssl.SSLWantReadError:
                pass
            if not self.flush() or self.shaken:
                return self.shaken
            try:
                if not self._receive():
                    raise ConnectionAbortedError("the client left in the middle of it")
            except BlockingIOError:
                return False

    def read(self, most: int) -> bytes:
        """All that has come: of what stayed in here no event would tell. After our goodbye it is only read away."""
        if self._over:
            return os.read(self._fd, most)
        pieces: list[bytes] = []
        while not self.ended:
            try:
                piece = self.tls.read(RECORD)
            except ssl.SSLWantReadError:
                if pieces:
                    break
                self.flush()  # what the protocol itself has to say
                self.ended = not self._receive()
                if self.ended and not self._ragged:
                    raise ConnectionAbortedError("the client left without a goodbye") from None
                continue
            self.ended = not piece
            pieces.append(piece)
        return b"".join(pieces)

    def write(self, octets: bytes | memoryview) -> int:
        """As Write says. What was encrypted is counted when the socket has taken it, and not encrypted again."""
        if self._over:
            raise BrokenPipeError
        if not self.flush():
            raise BlockingIOError
        sent, self._taken = self._taken, 0
        with memoryview(octets) as view:
            while sent < len(view):
                encrypted = self.tls.write(view[sent : sent + RECORD])
                if not self.flush():
                    self._taken = encrypted
                    break
                sent += encrypted
        if not sent and octets:
            raise BlockingIOError
        return sent

    def flush(self) -> bool:
        """Send what is encrypted; whether the socket took all of it."""
        if self._outgoing.pending:
            new = self._outgoing.read()
            self._tail = bytes(self._tail) + new if self._tail else new
        while self._tail:
            try:
                sent = os.write(self._fd, self._tail)
            except BlockingIOError:
                return False
            self._tail = memoryview(self._tail)[sent:] if sent < len(self._tail) else b""
        return True

    def end(self, *, whole: bool) -> None:
        """The last word, if all was said: what was cut off must not look `whole`, and TLS says which by its goodbye."""
        if self._over:
            return
        self._over = True
        if not (whole and self.shaken) or self._tail:
            return
        with suppress(OSError):  # the client's own goodbye has not come: SSLWantReadError; or nobody is there any more
            try:
                self.tls.unwrap()
            finally:
                self.flush()

    def _receive(self) -> bool:
        """False at the end of what the client sends."""
        data = os.read(self._fd, RECEIVE)
        if not self._begun:
            refuse_http(data)
            self._begun = True
        self._incoming.write(data)
        return bool(data)


class Sessions:
    """Of one worker, by descriptor; and the line that goes through them."""

    def __init__(self, *, ragged: bool) -> None:
        self._ragged = ragged
        self.open: dict[int, Session] = {}
        self.line = Line(self._read, self._write, self._send_file)

    def add(self, fd: int, context: ssl.SSLContext) -> None:
        self.open[fd] = Session(fd, context, ragged=self._ragged)

    def _read(self, fd: int, most: int, /) -> bytes:
        session = self.open.get(fd)
        if session is None:
            return os.read(fd, most)
        with session.lock:
            return session.read(most)

    def _write(self, fd: int, octets: bytes | memoryview, /) -> int:
        session = self.open.get(fd)
        if session is None:
            return os.write(fd, octets)
        with session.lock:
            return session.write(octets)

    def _send_file(self, fd: int, file: int, offset: int, count: int, /) -> int:
        data = os.pread(file, min(count, BLOCK), offset)
        return self._write(fd, data) if data else 0


class TlsClients(Clients):
    def __init__(self, poller: Poller, slot: Slot, sessions: Sessions) -> None:
        super().__init__(poller, slot, sessions.line)
        self._sessions = sessions.open

    def linger(self, client: Client, now: float) -> None:
        self._end_session(client)
        super().linger(client, now)

    def close(self, client: Client) -> None:
        self._end_session(client)
        self._sessions.pop(client.fd, None)
        super().close(client)

    def _end_session(self, client: Client) -> None:
        session = self._sessions.get(client.fd)
        if session is not None:
            with session.lock:
                session.end(whole=not client.http.unfinished)


class TlsDesk(Desk):
    def __init__(
        self, poller: Poller, tools: Tools, rules: Rules, slot: Slot, threads: int, mailbox: Mailbox,
        *, sessions: Sessions, certificates: Certificates,
    ) -> None:  # fmt: skip
        super().__init__(poller, tools, rules, slot, threads, mailbox)
        self.clients = TlsClients(poller, slot, sessions)
        self._sessions = sessions
        self._certificates = certificates

    def welcome(self, door: Door, fd: int, peer: Peer) -> None:
        if door.is_tls:
            self._sessions.add(fd, self._certificates.context)
        super().welcome(door, fd, peer)

    def turn_away(self, door: Door, fd: int, peer: Peer) -> None:
        """A handshake to say no would cost more than an answer: it is closed."""
        if door.is_tls:
            self.clients.close(self._admit(door, fd, peer))
        else:
            super().turn_away(door, fd, peer)

    def attend(self, client: Client) -> None:
        session = self._sessions.open.get(client.fd)
        if session is None:
            super().attend(client)
        elif session.shaken or self._shake(client, session):
            super().attend(client)
            if session.ended and client.phase in READING:  # no event tells of an end that was read already
                super().attend(client)

    def attend_overdue(self) -> None:
        super().attend_overdue()
        self._certificates.review(self._tools.log)

    def _shake(self, client: Client, session: Session) -> bool:
        try:
            done = session.shake()
            awaited = READ if done or session.flush() else WRITE
        except RemoteProtocolError as exc:
            del self._sessions.open[client.fd]
            self._refuse(client, exc)
            return False
        except OSError as exc:
            self._break_off(client, session, exc)
            return False
        if done:
            client.door = client.door.saying(dict(describe(session.tls)))
        if client.mask >= 0 or not done:
            self.clients.watch(client, awaited)
        return done

    def _break_off(self, client: Client, session: Session, exc: OSError) -> None:
        report(self._tools.log, client.peer, exc)
        try:
            session.flush()  # the alert that says why
        except OSError:
            self.clients.close(client)
        else:
            self.clients.linger(client, self.now)
