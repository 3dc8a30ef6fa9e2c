from dataclasses import replace
from math import inf

import pytest

from tonnage.capacity.checks import front
from tonnage.capacity.finding import Finding, Verdict
from tonnage.capacity.fronts.route import Route
from tonnage.config.model import Config
from tonnage.config.values import address

MIB = 1 << 20
UNIX = Config(bind=(address("unix:/run/app.sock"),))
TCP = Config(bind=(address("127.0.0.1:8000"),))
GOOD = Route(
    syntax="nginx",
    where="nginx.conf:9",
    upstreams=(address("unix:/run/app.sock"),),
    passes_host=True,
    forwards_proto=True,
    forwards_for=True,
    starts_clock=True,
    keeps=True,
    idle_s=60.0,
    read_timeout_s=60.0,
    body_octets=MIB,
    line_octets=8192,
)


def one(check: front.Check, config: Config = UNIX, **changes: object) -> Finding:
    finding = check(replace(GOOD, **changes), config)  # type: ignore[arg-type]  # fields by name
    assert finding is not None
    return finding


def test_a_good_front_has_no_finding_that_anybody_must_act_on() -> None:
    assert {each.verdict for each in front.findings([GOOD], UNIX)} == {Verdict.OK}


@pytest.mark.parametrize(
    ("upstream", "bind", "leads"),
    [
        ("127.0.0.1:8000", "127.0.0.1:8000", True),
        ("localhost:8000", "127.0.0.1:8000", True),
        ("127.0.0.1:8000", "0.0.0.0:8000", True),
        ("10.0.0.7:8000", ":8000", True),
        ("[::1]:8000", "localhost:8000", True),
        ("127.0.0.1:8001", "127.0.0.1:8000", False),
        ("10.0.0.7:8000", "127.0.0.1:8000", False),
        ("unix:/run/app.sock", "unix:/run/app.sock", True),
        ("unix:/run/other.sock", "unix:/run/app.sock", False),
        ("unix:/run/app.sock", "127.0.0.1:8000", False),
    ],
)
def test_whether_it_leads_here(upstream: str, bind: str, leads: bool) -> None:
    route = replace(GOOD, upstreams=(address("10.9.9.9:1"), address(upstream)))
    assert front.leads_here(route, (address(bind),)) is leads


def test_a_front_that_leads_elsewhere_is_told_with_the_bind_that_would_do() -> None:
    (finding,) = front.findings([GOOD], TCP)
    assert finding.verdict is Verdict.RISK
    assert (finding.requested, finding.effective) == ("127.0.0.1:8000", "unix:/run/app.sock")
    assert finding.remedy == "--bind unix:/run/app.sock"


def test_a_front_that_passes_nothing_on_and_one_that_cannot_be_known() -> None:
    assert front.findings([], UNIX)[0].verdict is Verdict.RISK
    assert front.findings([replace(GOOD, upstreams=())], UNIX)[0].verdict is Verdict.UNKNOWN
    assert front.findings([GOOD], Config(bind=(address("fd://3"),)))[0].verdict is Verdict.UNKNOWN


def test_the_same_finding_at_many_places_is_told_once_with_all_of_them() -> None:
    other = replace(GOOD, where="nginx.conf:20", passes_host=False)
    hosts = [
        each for each in front.findings([replace(other, where="nginx.conf:9"), other], UNIX) if each.name == "Host"
    ]
    assert [each.source for each in hosts] == ["nginx.conf:9, nginx.conf:20"]


@pytest.mark.parametrize(
    ("theirs", "ours", "verdict", "remedy"),
    [
        (60.0, 30.0, Verdict.OK, ""),
        (30.0, 30.0, Verdict.RISK, "proxy_read_timeout 35s;"),
        (60.0, 120.0, Verdict.RISK, "proxy_read_timeout 125s;"),
        (60.0, 0.0, Verdict.RISK, "proxy_read_timeout 3600s;"),
        (inf, 0.0, Verdict.OK, ""),
        (inf, 30.0, Verdict.OK, ""),
    ],
)
def test_the_server_gives_up_first(theirs: float, ours: float, verdict: Verdict, remedy: str) -> None:
    finding = one(front.read_timeout, replace(UNIX, timeout=ours), read_timeout_s=theirs)
    assert (finding.verdict, finding.remedy) == (verdict, remedy)


@pytest.mark.parametrize(
    ("theirs", "ours", "verdict"), [(60.0, 75.0, Verdict.OK), (75.0, 75.0, Verdict.RISK), (120.0, 75.0, Verdict.RISK)]
)
def test_the_proxy_closes_idle_connections_first(theirs: float, ours: float, verdict: Verdict) -> None:
    finding = one(front.idle, replace(UNIX, keepalive=ours), idle_s=theirs)
    assert finding.verdict is verdict


def test_what_is_not_kept_is_not_idle() -> None:
    assert front.idle(replace(GOOD, keeps=False), UNIX) is None
    assert front.idle(GOOD, replace(UNIX, keepalive=0.0)) is None
    assert one(front.reuse, keeps=False).verdict is Verdict.CAP
    assert one(front.reuse, replace(UNIX, keepalive=0.0)).remedy == "--keep-alive 75"
    assert front.reuse(GOOD, UNIX) is None


@pytest.mark.parametrize(
    ("theirs", "ours", "verdict", "remedy"),
    [
        (MIB, None, Verdict.OK, ""),
        (MIB, 20 * MIB, Verdict.CAP, "client_max_body_size 20m;"),
        (MIB, 0, Verdict.CAP, "client_max_body_size 0;"),
        (20 * MIB, 20 * MIB, Verdict.OK, ""),
        (inf, 20 * MIB, Verdict.RISK, "client_max_body_size 20m;"),
        (inf, None, Verdict.NOTE, "client_max_body_size 1g;"),
    ],
)
def test_bodies_are_refused_where_they_come_in(theirs: float, ours: int | None, verdict: Verdict, remedy: str) -> None:
    config = UNIX if ours is None else replace(UNIX, limit_request_body=ours)
    finding = one(front.body, config, body_octets=theirs)
    assert (finding.verdict, finding.remedy) == (verdict, remedy)


def test_lines_of_the_head() -> None:
    assert front.lines(GOOD, UNIX) is None  # 8 KiB and 8190 octets are the same line, with its end
    long = replace(UNIX, limit_request_line=16000, limit_request_field_size=16000)
    finding = one(front.lines, long)
    assert (finding.verdict, finding.remedy) == (Verdict.CAP, "large_client_header_buffers 4 16k;")
    assert one(front.lines, line_octets=64 << 10).verdict is Verdict.NOTE
    unlimited = replace(UNIX, limit_request_line=0)
    assert front.lines(GOOD, unlimited) is None  # the fields' limit is the smaller one


def test_fields_that_are_not_sent() -> None:
    assert one(front.host, passes_host=False).remedy == "proxy_set_header Host $host;"
    assert one(front.scheme, forwards_proto=False).verdict is Verdict.RISK
    assert one(front.client, forwards_for=False).verdict is Verdict.NOTE
    assert one(front.clock, starts_clock=False).verdict is Verdict.NOTE
    assert one(front.clock, replace(UNIX, queue_timeout=5.0), starts_clock=False).verdict is Verdict.CAP


@pytest.mark.parametrize(
    ("upstream", "trusted", "verdict"),
    [
        ("unix:/run/app.sock", (), Verdict.OK),
        ("127.0.0.1:8000", ("127.0.0.1",), Verdict.OK),
        ("127.0.0.1:8000", ("127.0.0.0/8",), Verdict.OK),
        ("127.0.0.1:8000", ("10.0.0.0/8",), Verdict.RISK),
        ("10.0.0.7:8000", ("127.0.0.1",), Verdict.NOTE),
        ("10.0.0.7:8000", ("*",), Verdict.OK),
    ],
)
def test_whether_the_scheme_is_believed(upstream: str, trusted: tuple[str, ...], verdict: Verdict) -> None:
    finding = one(front.scheme, replace(UNIX, forwarded_allow_ips=trusted), upstreams=(address(upstream),))
    assert finding.verdict is verdict


def test_for_caddy_the_remedies_are_caddys() -> None:
    route = replace(GOOD, syntax="Caddy", passes_host=False, idle_s=120.0, read_timeout_s=10.0)
    remedies = {each.name: each.remedy for each in front.findings([route], UNIX)}
    assert remedies["Host"] == "header_up Host {host}"
    assert remedies["idle connections"].endswith("or keepalive 60s")
    assert remedies["timeout of the proxy"] == "response_header_timeout 35s"
