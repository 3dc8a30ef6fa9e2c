"""Real files, read as nginx would."""

import os
from math import inf
from pathlib import Path

import pytest

from tests.docs.pages import page
from tonnage.capacity.checks import front
from tonnage.capacity.finding import Verdict
from tonnage.capacity.fronts.nginx import installed, octets, routes, seconds
from tonnage.capacity.fronts.route import Route
from tonnage.config.model import Config
from tonnage.config.values import TcpAddress, UnixAddress, address
from tonnage.errors import ConfigError

pytest.importorskip("crossplane")
NEW = (1, 29, 7)
KEPT = 'proxy_http_version 1.1; proxy_set_header Connection "";'


def read(tmp_path: Path, text: str, version: tuple[int, ...] = ()) -> list[Route]:
    file = tmp_path / "nginx.conf"
    file.write_text(text)
    return routes(file, version)


def location(inside: str, outside: str = "") -> str:
    return f"{outside}\nserver {{ location / {{ {inside} }} }}"


def test_the_page_behind_nginx_has_nothing_to_mend(tmp_path: Path) -> None:
    (fence, *_) = [each for each in page("docs/how-to/behind-nginx.md").fences if each.language == "nginx"]
    config = Config(bind=(address("unix:/run/mysite/app.sock"),))
    found = front.findings(read(tmp_path, fence.text), config)
    assert {each.name: each.verdict for each in found if each.verdict is not Verdict.OK} in (
        {},
        {"X-Request-Start": Verdict.NOTE},
    )


def test_defaults(tmp_path: Path) -> None:
    (route,) = read(tmp_path, location("proxy_pass http://127.0.0.1:8000;"))
    assert route == Route(
        syntax="nginx",
        where=f"{tmp_path}/nginx.conf:2",
        upstreams=(TcpAddress("127.0.0.1", 8000),),
        passes_host=False,
        forwards_proto=False,
        forwards_for=False,
        starts_clock=False,
        keeps=False,
        idle_s=60.0,
        read_timeout_s=60.0,
        body_octets=1 << 20,
        line_octets=8192,
    )


@pytest.mark.parametrize(
    ("url", "upstreams"),
    [
        ("http://unix:/run/app.sock", (UnixAddress("/run/app.sock"),)),
        ("http://unix:/run/app.sock:/path/", (UnixAddress("/run/app.sock"),)),
        ("http://localhost:8000/path", (TcpAddress("localhost", 8000),)),
        ("http://10.0.0.7", (TcpAddress("10.0.0.7", 80),)),
        ("http://[::1]:8000", (TcpAddress("::1", 8000),)),
        ("http://[::1]", (TcpAddress("::1", 80),)),
        ("http://$backend", ()),
        ("http://app/path", (TcpAddress("10.0.0.1", 80), UnixAddress("/run/b.sock"))),
    ],
)
def test_upstreams(tmp_path: Path, url: str, upstreams: tuple[object, ...]) -> None:
    block = "upstream app { server 10.0.0.1 weight=2; server unix:/run/b.sock; server 10.0.0.3:1 down; }"
    (route,) = read(tmp_path, location(f"proxy_pass {url};", block))
    assert route.upstreams == upstreams


def test_what_counts_at_a_place_is_the_innermost(tmp_path: Path) -> None:
    text = """
    http {
        client_max_body_size 5m;
        proxy_read_timeout 10s;
        large_client_header_buffers 2 16k;
        upstream app { server unix:/s; keepalive 4; keepalive_timeout 1h30m; }
        server {
            client_max_body_size 0;
            location /a/ { proxy_pass http://app; proxy_read_timeout 1m; }
            location /b/ { client_max_body_size 7k; location /b/c/ { proxy_pass http://app; } }
            location /d/ { if ($x) { proxy_pass http://app; } }
        }
    }
    """
    found = read(tmp_path, text)
    assert [(each.read_timeout_s, each.body_octets) for each in found] == [(60, inf), (10, 7168), (10, inf)]
    assert {(each.line_octets, each.idle_s) for each in found} == {(16384, 5400)}


def test_a_block_with_fields_of_its_own_inherits_none(tmp_path: Path) -> None:
    fields = "proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto $scheme;"
    text = f"""
    server {{
        {fields}
        location /a/ {{ proxy_pass http://unix:/s; }}
        location /b/ {{ proxy_set_header X-Forwarded-For $remote_addr; proxy_pass http://unix:/s; }}
        location /c/ {{ proxy_set_header Host $proxy_host; proxy_set_header X-Request-Start "t=$msec";
                        proxy_pass http://unix:/s; }}
    }}
    """
    found = read(tmp_path, text)
    assert [(each.passes_host, each.forwards_proto, each.forwards_for, each.starts_clock) for each in found] == [
        (True, True, False, False),
        (False, False, True, False),
        (False, False, False, True),
    ]


@pytest.mark.parametrize(
    ("inside", "upstream", "version", "keeps"),
    [
        (KEPT, "keepalive 8;", (), True),
        (KEPT, "", (), False),
        (KEPT, "keepalive 0;", NEW, False),
        ("proxy_http_version 1.1;", "keepalive 8;", (), False),
        ('proxy_set_header Connection "";', "keepalive 8;", (), False),
        ("", "", NEW, True),
        ("proxy_http_version 1.0;", "", NEW, False),
        ("proxy_set_header Connection close;", "", NEW, False),
        ("proxy_http_version 1.1; proxy_set_header Connection $connection_upgrade;", "keepalive 8;", (), False),
        ("proxy_http_version 1.1; proxy_set_header Connection $connection_kept;", "keepalive 8;", (), True),
    ],
)
def test_whether_connections_are_kept(
    tmp_path: Path, inside: str, upstream: str, version: tuple[int, ...], keeps: bool
) -> None:
    maps = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n"
    maps += "map $http_upgrade $connection_kept { default upgrade; '' ''; }\n"
    text = location(f"{inside} proxy_pass http://app;", f"{maps} upstream app {{ server unix:/s; {upstream} }}")
    (route,) = read(tmp_path, text, version)
    assert route.keeps is keeps


def test_an_address_without_an_upstream_block_is_never_kept(tmp_path: Path) -> None:
    (route,) = read(tmp_path, location(f"{KEPT} proxy_pass http://127.0.0.1:8000;"), NEW)
    assert not route.keeps  # measured with nginx 1.31.3


def test_files_that_are_included(tmp_path: Path) -> None:
    (tmp_path / "fields.conf").write_text("proxy_set_header Host $http_host;\n")
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "one.conf").write_text(
        "server { location / { include fields.conf; proxy_pass http://app; } }"
    )
    (route,) = read(tmp_path, "events {} http { upstream app { server unix:/s; } include sites/*.conf; }")
    assert route.passes_host
    assert route.where == f"{tmp_path}/sites/one.conf:1"


@pytest.mark.parametrize("text", ["server {", "http { client_max_body_size lots; server { proxy_pass http://a; } }"])
def test_a_file_that_nginx_would_not_take(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60", 60),
        ("500ms", 0.5),
        ("1m30s", 90),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("2d", 172800),
        ("1M", 2592000),
        ("1y", 31536000),
    ],
)
def test_times(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "5x", "1.5h"])
def test_what_is_no_time_is_refused_not_taken_for_none(text: str) -> None:
    with pytest.raises(ConfigError, match="is no time that nginx knows"):
        seconds(text)


def test_a_file_in_another_encoding_is_read(tmp_path: Path) -> None:
    file = tmp_path / "nginx.conf"
    file.write_bytes(b"server { # \xe9t\xe9\n location / { proxy_pass http://a; proxy_read_timeout 1m30s; } }")
    (route,) = routes(file)
    assert route.read_timeout_s == 90


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("8k", 8192), ("20M", 20 << 20), ("1g", 1 << 30)])
def test_sizes(text: str, value: int) -> None:
    assert octets(text) == value


def test_the_version_of_the_nginx_that_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nginx"
    program.write_text("#!/bin/sh\necho 'nginx version: nginx/1.31.3 (Debian)' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert installed() == (1, 31, 3)
    program.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed() == ()
