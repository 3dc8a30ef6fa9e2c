"""TLS from the other side: an authority of the test's own, certificates as files, and a client that looks closely."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests.live.server import PATIENCE_S, Running
from tests.live.wire import Wire

VISITORS = 4


class Authority:
    """Writes `cert.pem` and `key.pem` of a server on 127.0.0.1, and its own `ca.pem`, into a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(directory / "ca.pem"))
        self.renew()

    @property
    def flags(self) -> list[str]:
        return ["--certfile", str(self.directory / "cert.pem"), "--keyfile", str(self.directory / "key.pem")]

    def renew(self) -> bytes:
        """Another certificate in place of the last, as certbot would; its octets."""
        made = self._authority.issue_cert("127.0.0.1")
        self.replace("key.pem", made.private_key_pem.bytes())
        self.replace("cert.pem", b"".join(each.bytes() for each in made.cert_chain_pems))
        return ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())

    def replace(self, name: str, octets: bytes) -> None:
        new = self.directory / f"{name}.new"
        new.write_bytes(octets)
        new.rename(self.directory / name)

    def identity(self, name: str) -> Path:
        """A client's certificate and key, in one file."""
        path = self.directory / f"{name}.pem"
        made = self._authority.issue_cert(f"{name}@example.org", common_name=name)
        made.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def trust(self) -> ssl.SSLContext:
        """A client's context that believes this authority, and checks."""
        return ssl.create_default_context(cafile=str(self.directory / "ca.pem"))


class SecureWire(Wire):
    """An end without TLS's goodbye is an error here (SSLError): a cut-off answer must not pass for a whole one."""

    sock: ssl.SSLSocket

    def __init__(self, running: Running, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> None:
        super().__init__(running.address, PATIENCE_S)
        plain: socket.socket = self.sock
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # older releases of Python 3.11 set it
        try:
            self.sock = context.wrap_socket(
                plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False, session=session
            )
        except BaseException:
            plain.close()
            raise

    def send(self, data: bytes) -> None:
        """Raises BrokenPipeError, as without TLS, when the server has heard enough."""
        try:
            super().send(data)
        except ssl.SSLError as exc:
            raise BrokenPipeError from exc


@contextmanager
def plain_socket(running: Running) -> Iterator[socket.socket]:
    with socket.create_connection(running.address, PATIENCE_S) as sock:  # type: ignore[arg-type]  # TCP here
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


@contextmanager
def visited(running: Running, authority: Authority) -> Iterator[None]:
    """Clients shake hands and ask again and again meanwhile, and each of them gets every answer."""
    over, answered, failures = threading.Event(), [0] * VISITORS, []

    def visit(number: int) -> None:
        try:
            while not (over.is_set() and answered[number]):
                with SecureWire(running, authority.trust()) as wire:
                    for _ in range(3):
                        reply = wire.ask("GET", "/")
                        assert reply.body == b"hello\n"
                        answered[number] += 1
                        if "close" in reply.values("Connection"):  # a worker that was held up says so
                            break
        except Exception as exc:
            failures.append(exc)

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(VISITORS)]
    for visitor in visitors:
        visitor.start()
    try:
        yield
    finally:
        over.set()
        for visitor in visitors:
            visitor.join()
    assert failures == []
    assert all(answered)
