"""The operator's side of TLS: files that are wrong, files that change, and workers that may not read them."""

import json
import os
import pwd
import signal
from pathlib import Path

import pytest

from prove.applications import put
from tests.live.apps import ECHO, HELD, HELLO, Gate, write_app
from tests.live.secure import Authority, SecureWire, visited
from tests.live.server import Running, run, serve
from tests.live.wire import request


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_app(tmp_path, HELLO)


@pytest.fixture
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def shown(running: Running, authority: Authority) -> bytes | None:
    """The certificate that a new connection sees."""
    with SecureWire(running, authority.trust()) as wire:
        assert wire.ask("GET", "/").status == 200
        return wire.sock.getpeercert(binary_form=True)


def open_to_all(directory: Path) -> None:
    for folder in (directory, *directory.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)


# -- files that are wrong ----------------------------------------------------------------------------------------------

WRONG = {
    "missing": (["--certfile", "none.pem"], "certfile none.pem cannot be read: No such file or directory"),
    "no key": (["--certfile", "cert.pem"], "keyfile is not set, and certfile cert.pem holds no private key in PEM"),
    "another's key": (["--certfile", "cert.pem", "--keyfile", "other.pem"], "the key in other.pem is not that of"),
    "no certificate": (["--certfile", "app.py"], "certfile app.py holds no certificate in PEM"),
    "key alone": (["--keyfile", "key.pem"], "keyfile is key.pem, but certfile is not set; name the certificate"),
    "nobody vouches": (["--certfile", "both.pem", "--cert-reqs", "2"], "but ca_certs is not set, so none would be"),
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_a_certificate_that_cannot_be_used_ends_the_start_and_the_check(
    site: Path, authority: Authority, wrong: str
) -> None:
    for name in ("cert.pem", "key.pem"):
        (site / name).write_bytes((authority.directory / name).read_bytes())
    (site / "both.pem").write_bytes((site / "cert.pem").read_bytes() + (site / "key.pem").read_bytes())
    authority.renew()
    (site / "other.pem").write_bytes((authority.directory / "key.pem").read_bytes())
    flags, problem = WRONG[wrong]
    started = run("app", *flags, "--bind", "127.0.0.1:0", cwd=site)
    assert started.code == 1
    assert len(started.output.splitlines()) == 1, "one line, and nothing is served"
    assert problem in started.output.replace(f"{site}/", "")
    checked = run("check", "app", *flags, "--bind", "127.0.0.1:0", cwd=site)
    assert checked.code == 1
    assert problem in checked.output.replace(f"{site}/", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up rights")
def test_a_key_that_only_root_may_read_is_used_by_the_workers_of_somebody_else(
    site: Path, authority: Authority
) -> None:
    open_to_all(site)
    nobody = pwd.getpwnam("nobody").pw_name
    authority.directory.chmod(0o700)
    with serve("app", *authority.flags, "--user", nobody, cwd=site) as running:
        first = shown(running, authority)
        second = authority.renew()
        running.log.wait_for(
            r"\[ERROR\] the TLS files have changed and cannot be used, so the old ones stay in use: certfile \S+ may"
            r" not be read by user \d+; give it the right"
        )
        assert shown(running, authority) == first
        running.signal(signal.SIGHUP)
        running.log.wait_for(r"Worker exiting")
        assert shown(running, authority) == second


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up rights")
def test_a_hook_that_may_not_read_the_key_ends_the_start(site: Path, authority: Authority) -> None:
    open_to_all(site)
    authority.directory.chmod(0o700)
    (site / "gunicorn.conf.py").write_text("def ssl_context(config, default): return default()\n")
    ended = run("app", *authority.flags, "--user", "nobody", "--bind", "127.0.0.1:0", cwd=site)
    assert ended.code == 3, "the workers do not boot"
    assert "may not be read by user" in ended.output
    assert "Traceback" not in ended.output


# -- files that change -------------------------------------------------------------------------------------------------


def test_a_renewed_certificate_is_taken_up_by_every_worker_and_no_request_is_lost(
    site: Path, authority: Authority, workers: list[str]
) -> None:
    with (
        serve("app", *authority.flags, *workers, "--workers", "2", cwd=site) as running,
        visited(running, authority),
    ):
        kept = SecureWire(running, authority.trust())
        first = shown(running, authority)
        second = authority.renew()
        running.log.wait_for(r"\[INFO\] the TLS files have changed: new connections get the new \S*cert\.pem", times=2)
        assert first != second
        assert {shown(running, authority) for _ in range(6)} == {second}
        assert kept.ask("GET", "/").status == 200, "who has shaken hands stays"
        kept.close()


def test_a_broken_renewal_leaves_the_old_certificate_in_use_and_is_logged(site: Path, authority: Authority) -> None:
    with serve("app", *authority.flags, cwd=site) as running:
        first = shown(running, authority)
        authority.replace("cert.pem", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
        running.log.wait_for(r"\[ERROR\] the TLS files have changed and cannot be used, .*cert\.pem with the key in .*")
        assert shown(running, authority) == first
        running.signal(signal.SIGHUP)
        running.log.wait_for(r"\[ERROR\] Nothing is reloaded, the server goes on as it was: certfile ")
        assert shown(running, authority) == first
        second = authority.renew()
        running.log.wait_for(r"\[INFO\] the TLS files have changed: new connections get")
        assert shown(running, authority) == second


def test_tls_is_switched_on_and_off_by_a_reload(site: Path, authority: Authority) -> None:
    file = site / "gunicorn.conf.py"
    secure = f"certfile = {authority.flags[1]!r}\nkeyfile = {authority.flags[3]!r}\n"
    file.write_text("workers = 1\n")
    with serve("app", "--config", str(file), cwd=site) as running:
        assert running.get().status == 200
        for number, text, scheme in ((1, secure, "https"), (2, "", "http"), (3, secure, "https")):
            file.write_text(f"workers = 1\n{text}")
            running.signal(signal.SIGHUP)
            running.log.wait_for(r"Worker exiting", times=number)
            ended = run("status", "-c", str(file), cwd=site)
            assert f"{scheme}://127.0.0.1:" in ended.output, ended.output
            if text:
                shown(running, authority)
            else:
                assert running.get().status == 200


def test_a_session_of_one_worker_is_resumed_by_every_other(site: Path, authority: Authority) -> None:
    put(site / "app.py", ECHO.replace("told |=", 'import os; told["pid"] = os.getpid(); told |='))
    with serve("app", *authority.flags, "--workers", "3", cwd=site) as running:
        running.log.wait_for("Booting worker", times=3)
        context = authority.trust()
        with SecureWire(running, context) as first:
            first.ask("GET", "/")
            session = first.sock.session
        seen: set[int] = set()
        held: list[SecureWire] = []
        while len(seen) < 3:
            wire = SecureWire(running, context, session)
            held.append(wire)
            assert wire.sock.session_reused
            seen.add(json.loads(wire.ask("GET", "/").body)["pid"])
        for wire in held:
            wire.close()


def test_a_stop_finishes_what_is_in_flight_over_tls(site: Path, authority: Authority) -> None:
    write_app(site, HELD)
    gate = Gate(site, "held")
    with (
        serve("app", *authority.flags, cwd=site) as running,
        SecureWire(running, authority.trust()) as wire,
    ):
        wire.send(request("GET", "/held"))
        gate.wait_until_reached()
        running.signal(signal.SIGTERM)
        gate.open()
        assert wire.reply().body == b"held until now\n"
        assert wire.at_end(), "and no SSLError"
        assert running.wait() == 0
