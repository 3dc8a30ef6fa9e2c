"""Real Caddyfiles, read by the real Caddy."""

import json
import os
import shutil
import sys
from math import inf
from pathlib import Path

import pytest

from tests.docs.pages import page
from tonnage.capacity.checks import front
from tonnage.capacity.finding import Verdict
from tonnage.capacity.fronts.caddy import routes
from tonnage.capacity.fronts.route import Route
from tonnage.config.model import Config
from tonnage.config.values import TcpAddress, UnixAddress, address
from tonnage.errors import ConfigError

BIN = Path(sys.executable).parent


@pytest.fixture
def caddy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    if shutil.which("caddy") is None:
        pytest.skip("there is no caddy on this machine")


def read(tmp_path: Path, text: str) -> list[Route]:
    file = tmp_path / "Caddyfile"
    file.write_text(text)
    return routes(file)


@pytest.mark.usefixtures("caddy")
def test_defaults(tmp_path: Path) -> None:
    (route,) = read(tmp_path, ":80 {\n\treverse_proxy unix//run/app.sock localhost:8000\n}\n")
    assert route == Route(
        syntax="Caddy",
        where=f"{tmp_path}/Caddyfile (srv0)",
        upstreams=(UnixAddress("/run/app.sock"), TcpAddress("localhost", 8000)),
        passes_host=True,
        forwards_proto=True,
        forwards_for=True,
        starts_clock=False,
        keeps=True,
        idle_s=120.0,
        read_timeout_s=inf,
        body_octets=inf,
        line_octets=1 << 20,
    )


@pytest.mark.usefixtures("caddy")
def test_what_is_set(tmp_path: Path) -> None:
    text = """
    {
        servers {
            max_header_size 16KiB
        }
    }
    :80 {
        handle /small/* {
            request_body {
                max_size 1MiB
            }
            reverse_proxy localhost:1 {
                header_up Host {upstream_hostport}
                header_up -X-Forwarded-Proto
                header_up X-Request-Start t={time.now.unix_ms}
                transport http {
                    keepalive off
                }
            }
        }
        handle {
            reverse_proxy localhost:2 {
                transport http {
                    keepalive 30s
                    response_header_timeout 45s
                    read_timeout 1m
                }
            }
        }
    }
    """
    small, other = read(tmp_path, text)
    assert (small.passes_host, small.forwards_proto, small.forwards_for, small.starts_clock) == (
        False,
        False,
        True,
        True,
    )
    assert (small.keeps, small.body_octets, small.line_octets) == (False, 1 << 20, 16384)
    assert (other.keeps, other.idle_s, other.read_timeout_s, other.body_octets) == (True, 30.0, 45.0, inf)


@pytest.mark.usefixtures("caddy")
def test_the_page_behind_caddy_has_nothing_to_mend(tmp_path: Path) -> None:
    (fence, *_) = [each for each in page("docs/how-to/behind-caddy.md").fences if each.language == "caddyfile"]
    found = front.findings(read(tmp_path, fence.text), Config(bind=(address("unix:/run/mysite/app.sock"),)))
    assert {each.verdict for each in found} <= {Verdict.OK, Verdict.NOTE}


@pytest.mark.usefixtures("caddy")
def test_a_caddyfile_that_caddy_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: .*reverse_prox"):
        read(tmp_path, ":80 {\n\treverse_prox x\n}\n")


def test_json_needs_no_caddy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:8000"}]}
    server = {"routes": [{"handle": [{"handler": "subroute", "routes": [{"handle": [proxy]}]}]}]}
    file = tmp_path / "caddy.json"
    file.write_text(json.dumps({"apps": {"http": {"servers": {"one": server}}}}))
    assert [each.upstreams for each in routes(file)] == [(TcpAddress("127.0.0.1", 8000),)]
    with pytest.raises(ConfigError, match="none in \\$PATH"):
        read(tmp_path, "")
    file.write_text("{")
    with pytest.raises(ConfigError, match="no configuration of Caddy"):
        routes(file)


@pytest.mark.parametrize(
    ("written", "wait_s"),
    [
        ("10s", 10.0),
        ("1h30m", 5400.0),
        ("1.5d", 129600.0),
        ("250ms", 0.25),
        ("100µs", 0.0001),
        (2_000_000_000, 2.0),
        ("0", inf),
        ("-1s", inf),
    ],
)
def test_durations_are_nanoseconds_or_go_s_text(tmp_path: Path, written: object, wait_s: float) -> None:
    (route,) = by_json(tmp_path, {"response_header_timeout": written})
    assert route.read_timeout_s == pytest.approx(wait_s)


def test_a_duration_that_caddy_does_not_know_is_refused_not_taken_for_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'soon' is no duration that Caddy knows"):
        by_json(tmp_path, {"read_timeout": "soon"})


def by_json(tmp_path: Path, transport: dict[str, object]) -> list[Route]:
    proxy = {"handler": "reverse_proxy", "transport": transport, "upstreams": [{"dial": "127.0.0.1:8000"}]}
    file = tmp_path / "caddy.json"
    file.write_text(json.dumps({"apps": {"http": {"servers": {"one": {"routes": [{"handle": [proxy]}]}}}}}))
    return routes(file)
