"""The server's side of TLS: a context made of the operator's files, and made again when they change.

One context for all connections, so that sessions are resumed and no file is read for a client. Without the ssl_context
hook it is made by the supervisor, as the user who started it, and inherited by the workers: a key that only root may
read is enough, and a session of one worker is resumed by any other. With the hook it is made in each worker.

Imported only where TLS is on: `ssl` is 5 MB that other servers do without.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import NoReturn

from tonnage.config.model import Config
from tonnage.errors import ConfigError, RemoteProtocolError
from tonnage.system import validity
from tonnage.system.validity import Validity

DAY_S = 86_400.0

State = tuple[tuple[int, int, int] | None, ...]  # of each file: inode, size, time of the last change; None: not there


class Certificates:
    """The context that new connections get. Raises ConfigError when the files cannot be used."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._files = [Path(config.chdir, path) for path in (config.certfile, config.keyfile, config.ca_certs) if path]
        self._tried = self._seen = self._look()
        self._context = make_context(config) if config.ssl_context is None else None
        self._dates = dates(config)
        self._look_at_clock = 0.0  # when the dates are looked at again; CLOCK_MONOTONIC

    @property
    def context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = open_context(self._config)
        return self._context

    def take_up(self, log: logging.Logger) -> None:
        """In a worker, before it serves: the files may be newer than what it inherited. Raises ConfigError."""
        assert self.context is not None
        self._seen = self._look()
        self.review(log)

    def review(self, log: logging.Logger) -> None:
        """Once a second: take new files when they have stayed as they are since the last time; complain once a day."""
        if monotonic() >= self._look_at_clock:
            self._look_at_clock = monotonic() + DAY_S
            if self._dates is not None and (problem := self._dates.complaint(datetime.now(UTC))):
                log.warning("the certificate in %s %s", self._config.certfile, problem)
        now = self._look()
        settled, self._seen = now == self._seen, now
        if not settled or now == self._tried:
            return
        self._tried = now
        try:
            self._context = open_context(self._config)
        except ConfigError as exc:
            log.error("the TLS files have changed and cannot be used, so the old ones stay in use: %s", exc)
        else:
            self._dates, self._look_at_clock = dates(self._config), 0.0
            log.info("the TLS files have changed: new connections get the new %s", self._config.certfile)

    def _look(self) -> State:
        return tuple(map(_state, self._files))


def make_context(config: Config) -> ssl.SSLContext:
    """TLS 1.2 or better. Raises ConfigError, which names the file, what is wrong with it, and what to do."""
    if config.certfile is None:
        raise ConfigError(f"keyfile is {config.keyfile}, but certfile is not set; name the certificate with --certfile")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    chain = Path(config.chdir, config.certfile)
    _load_chain(context, chain, Path(config.chdir, config.keyfile) if config.keyfile else None)
    if config.ca_certs is not None:
        path = Path(config.chdir, config.ca_certs)
        _read("ca_certs", path)
        with _refused(f"ca_certs {path} cannot be used; it must hold PEM certificates of the authorities"):
            context.load_verify_locations(path)
    elif config.cert_reqs:
        raise ConfigError(
            f"cert_reqs = {config.cert_reqs} asks clients for certificates, but ca_certs is not set, so none would be "
            "believed; name the authorities with --ca-certs"
        )
    context.verify_mode = ssl.VerifyMode(config.cert_reqs)
    if config.ciphers is not None:
        with _refused(f"ciphers = {config.ciphers!r} names nothing that OpenSSL has; `openssl ciphers -v` lists them"):
            context.set_ciphers(config.ciphers)
    return context


def dates(config: Config) -> Validity | None:
    """Of a certificate that can be used; None when it is the hook that knows which it is."""
    if config.certfile is None or config.ssl_context is not None:
        return None
    return validity.read(Path(config.chdir, config.certfile).read_bytes())


def open_context(config: Config) -> ssl.SSLContext:
    """By the operator's hook, if there is one. Raises ConfigError."""
    hook = config.ssl_context
    if hook is None:
        return make_context(config)
    try:
        made = hook(config, lambda: make_context(config))
    except ConfigError:
        raise
    except Exception as exc:
        raise ConfigError(f"the hook ssl_context raised {type(exc).__name__}: {exc}") from exc
    if not isinstance(made, ssl.SSLContext):
        raise ConfigError(f"the hook ssl_context returned {made!r}, not an ssl.SSLContext")
    return made


def _load_chain(context: ssl.SSLContext, chain: Path, key: Path | None) -> None:
    def no_password() -> NoReturn:
        raise ConfigError(
            f"the key in {key or chain} is encrypted, and nobody is there to type its password: store it without one "
            "(openssl pkey -in OLD -out NEW), readable by its owner only, or give the password in the ssl_context hook"
        )

    certificate = _read("certfile", chain)
    if b"-----BEGIN CERTIFICATE-----" not in certificate:
        raise ConfigError(f"certfile {chain} holds no certificate in PEM{_form(certificate, 'x509')}")
    secret = _read("keyfile", key) if key is not None else certificate
    if b"PRIVATE KEY-----" not in secret:
        where = f"keyfile {key}" if key is not None else f"keyfile is not set, and certfile {chain}"
        raise ConfigError(f"{where} holds no private key in PEM{_form(secret, 'pkey')}; name it with --keyfile")
    try:
        context.load_cert_chain(chain, key, password=no_password)
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(
                f"the key in {key or chain} is not that of the first certificate in certfile {chain}, which must be "
                "the server's own, before those of its authorities; name the two that were made together"
            ) from None
        raise ConfigError(f"certfile {chain} with the key in {key or chain} cannot be used: {_reason(exc)}") from None


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except PermissionError:
        raise ConfigError(
            f"{name} {path} may not be read by user {os.geteuid()}; give it the right. A server that is started as "
            "root reads its files before --user takes effect, and again at a reload (HUP); the ssl_context hook, and "
            "a worker that sees them change, read them as --user"
        ) from None
    except OSError as exc:
        raise ConfigError(f"{name} {path} cannot be read: {exc.strerror}") from None


def _form(data: bytes, command: str) -> str:
    """The other form that people have."""
    return f"; if it is DER: openssl {command} -inform der -in OLD -out NEW" if data[:1] == b"\x30" else ""


@contextmanager
def _refused(problem: str) -> Iterator[None]:
    try:
        yield
    except (ssl.SSLError, ValueError) as exc:
        raise ConfigError(f"{problem} ({_reason(exc)})") from None


def _reason(exc: Exception) -> str:
    return str(getattr(exc, "reason", None) or exc).replace("_", " ").lower()


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


# -- handshakes that come to nothing ----------------------------------------------------------------------------------

SPEAKS_TLS = "this port speaks TLS; ask for https:// instead of http://"


def refuse_http(first: bytes) -> None:
    """Raises RemoteProtocolError when what came first is HTTP: TLS begins with 22, a method with a capital letter."""
    if first[:1].isupper():
        raise RemoteProtocolError("HTTP where TLS is spoken", advice=SPEAKS_TLS)


def report(log: logging.Logger, peer: tuple[str, int] | None, exc: OSError) -> None:
    """What it has to do with a client's certificate an operator should know; the rest is the noise of the world."""
    who = peer[0] if peer else "a Unix socket"
    reason = str(getattr(exc, "verify_message", None) or getattr(exc, "reason", None) or exc)
    if isinstance(exc, ssl.SSLCertVerificationError):
        log.warning("the certificate of the client at %s is refused: %s", who, reason)
    elif reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        log.warning("the client at %s is refused: it has sent no certificate (--cert-reqs 2)", who)
    else:
        log.debug("the TLS handshake with %s failed: %s", who, reason)


# -- what is known of a client ----------------------------------------------------------------------------------------

SHORT = {  # RFC 4514 3
    "commonName": "CN", "localityName": "L", "stateOrProvinceName": "ST", "organizationName": "O",
    "organizationalUnitName": "OU", "countryName": "C", "streetAddress": "STREET", "domainComponent": "DC",
    "userId": "UID",
}  # fmt: skip
Name = tuple[tuple[tuple[str, str], ...], ...]  # as SSLObject.getpeercert has it


def distinguished_name(name: Name) -> str:
    """As RFC 4514 writes it: the last part first."""
    return ",".join("+".join(f"{SHORT.get(key, key)}={_escape(value)}" for key, value in part) for part in name[::-1])


def _escape(value: str) -> str:
    """RFC 4514 2.4."""
    text = "".join(f"\\{each}" if each in '"+,;<>\\' else each for each in value).replace("\0", "\\00")
    if text.startswith(("#", " ")):
        text = f"\\{text}"
    return f"{text[:-1]}\\ " if value.endswith(" ") and len(value) > 1 else text


def describe(session: ssl.SSLObject) -> dict[str, str]:
    """Apache's variables, for the environ (PEP 3333 asks for as many as apply)."""
    cipher = session.cipher()
    found = {"HTTPS": "on", "SSL_PROTOCOL": session.version() or "", "SSL_CIPHER": cipher[0] if cipher else ""}
    if session.context.verify_mode == ssl.CERT_NONE:
        return found
    certificate = session.getpeercert()
    octets = session.getpeercert(binary_form=True)
    if not certificate or octets is None:
        return found | {"SSL_CLIENT_VERIFY": "NONE"}
    return found | {
        "SSL_CLIENT_VERIFY": "SUCCESS",
        "SSL_CLIENT_S_DN": _native(distinguished_name(certificate["subject"])),  # type: ignore[arg-type]
        "SSL_CLIENT_I_DN": _native(distinguished_name(certificate["issuer"])),  # type: ignore[arg-type]
        "SSL_CLIENT_M_SERIAL": str(certificate["serialNumber"]),
        "SSL_CLIENT_CERT": ssl.DER_cert_to_PEM_cert(octets),
    }


def _native(text: str) -> str:
    """A native string of PEP 3333: octets as latin-1."""
    return text.encode().decode("latin-1")


VERSIONS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


@lru_cache(maxsize=2)
def _suites(context: ssl.SSLContext) -> dict[str, int]:
    return {each["name"]: each["id"] & 0xFFFF for each in context.get_ciphers()}


def extension(session: ssl.SSLObject) -> dict[str, object]:
    """The ASGI extension `tls`. What certificate we sent, `ssl` does not say."""
    cipher = session.cipher()
    certificate = session.getpeercert() if session.context.verify_mode != ssl.CERT_NONE else None
    octets = session.getpeercert(binary_form=True) if certificate else None
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(octets)] if octets else [],
        "client_cert_name": distinguished_name(certificate["subject"]) if certificate else None,  # type: ignore[arg-type]
        "client_cert_error": None,
        "tls_version": VERSIONS.get(session.version() or ""),
        "cipher_suite": _suites(session.context).get(cipher[0]) if cipher else None,
    }
