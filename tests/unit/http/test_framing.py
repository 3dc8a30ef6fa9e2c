"""What fields say together. Each rule by itself; the hostile variations are in tests/wire."""

import pytest

from tonnage.errors import RemoteProtocolError
from tonnage.http.fields import Field, learn_line
from tonnage.http.framing import Section, judge
from tonnage.http.limits import Policy

STRICT = Policy()


def field(line: str) -> Field:
    return learn_line(line.encode("latin-1"), STRICT)


def judged(*lines: str, minor: int = 1, policy: Policy = STRICT, trusted: bool = False) -> Section:
    section = Section()
    section.minor = minor
    section.fields = [field(line) for line in lines]
    judge(section, policy, trusted=trusted)
    return section


def refusal(*lines: str, minor: int = 1, policy: Policy = STRICT, trusted: bool = False) -> int:
    with pytest.raises(RemoteProtocolError) as caught:
        judged(*lines, minor=minor, policy=policy, trusted=trusted)
    return caught.value.status


def test_a_request_without_content() -> None:
    section = judged("Host: a", "Accept: b")
    assert (section.host, section.content_length, section.chunked, section.has_body) == (b"a", None, False, False)
    assert (section.keep_alive, section.expect_continue) == (True, False)


def test_host() -> None:
    assert refusal("Accept: a") == refusal("Host: a", "Host: a") == refusal("Host: a", "Host: a", minor=0) == 400
    assert judged(minor=0).host == b""
    assert judged("Host:").host == b""


@pytest.mark.parametrize(
    ("lines", "minor", "keeps"),
    [
        ((), 1, True),
        ((), 0, False),
        (("keep-alive",), 0, True),
        (("KEEP-alive",), 0, True),
        (("x, keep-alive",), 0, True),
        (("x",), 0, False),
        (("close",), 1, False),
        (("Close",), 1, False),
        (("x,CLOSE",), 1, False),
        (("closed",), 1, True),
        (("keep-alive, close",), 1, False),
        (("keep-alive", "close"), 0, False),
        (("close", "keep-alive"), 1, False),
        (("",), 1, True),
    ],
)
def test_persistence(lines: tuple[str, ...], minor: int, keeps: bool) -> None:
    assert judged("Host: a", *(f"Connection: {line}" for line in lines), minor=minor).keep_alive is keeps


def test_content_with_a_length() -> None:
    section = judged("Host: a", "Content-Length: 5")
    assert (section.content_length, section.has_body, section.chunked) == (5, True, False)
    section = judged("Host: a", "Content-Length: 0")
    assert (section.content_length, section.has_body) == (0, False)
    assert refusal("Host: a", "Content-Length: 5", "Content-Length: 5") == 400
    assert refusal("Host: a", "Content-Length: x") == 400


def test_chunked_content() -> None:
    section = judged("Host: a", "Transfer-Encoding: Chunked")
    assert (section.content_length, section.has_body, section.chunked) == (None, True, True)


@pytest.mark.parametrize(
    ("codings", "status"),
    [
        (["chunked, chunked"], 400),
        (["chunked", "chunked"], 400),
        (["chunked, gzip"], 400),
        (["gzip"], 400),
        (["gzip, deflate"], 400),
        (["identity"], 400),
        (["identity, chunked"], 400),
        ([""], 400),
        ([",chunked"], 400),
        (["gzip, chunked"], 501),
        (["gzip", "chunked"], 501),
        (["x"], 501),
        (["x, chunked"], 501),
        (["gzip, x"], 501),
        (["chunked;a=b"], 501),
    ],
)
def test_other_codings(codings: list[str], status: int) -> None:
    assert refusal("Host: a", *(f"Transfer-Encoding: {coding}" for coding in codings)) == status


def test_codings_conflict_with_lengths_and_with_http_1_0() -> None:
    assert refusal("Host: a", "Transfer-Encoding: chunked", "Content-Length: 5") == 400
    assert refusal("Host: a", "Content-Length: 0", "Transfer-Encoding: x") == 400
    assert refusal("Transfer-Encoding: chunked", minor=0) == 400


def test_one_content_type() -> None:
    judged("Host: a", "Content-Type: a")
    assert refusal("Host: a", "Content-Type: a", "Content-Type: a") == 400


@pytest.mark.parametrize(
    ("lines", "expects"),
    [
        (("Expect: 100-continue",), False),
        (("Expect: 100-Continue", "Content-Length: 5"), True),
        (("Expect: 100-continue", "Content-Length: 0"), False),
        (("Transfer-Encoding: chunked", "Expect: 100-continue"), True),
        (("Expect: 100-continue, 100-continue", "Content-Length: 1"), True),
    ],
)
def test_expectations(lines: tuple[str, ...], expects: bool) -> None:
    assert judged("Host: a", *lines).expect_continue is expects


def test_expectations_that_are_not_met() -> None:
    assert refusal("Host: a", "Expect: x") == refusal("Host: a", "Expect:") == 417
    assert refusal("Host: a", "Expect: 100-continue, x", "Content-Length: 5") == 417
    assert not judged("Expect: x", "Content-Length: 5", minor=0).expect_continue


def names(section: Section) -> list[bytes]:
    return [field.name for field in section.fields]


def test_underscores_are_dropped_by_default() -> None:
    assert names(judged("A_b: 1", "Host: a", "A_b: 1", "A-b: 2", "_: 3")) == [b"host", b"a-b"]


def test_header_map() -> None:
    assert refusal("Host: a", "A_b: 1", policy=Policy(header_map="refuse")) == 400
    assert names(judged("Host: a", "A_b: 1", policy=Policy(header_map="dangerous"))) == [b"host", b"a_b"]


def test_what_a_trusted_peer_may_send() -> None:
    lines = ("Host: a", "Script_Name: /a", "A_b: 1")
    assert names(judged(*lines, trusted=True)) == [b"host", b"script_name"]
    assert names(judged(*lines, trusted=False)) == [b"host"]
    everything = Policy(forwarder_fields=frozenset("*"))
    assert names(judged(*lines, trusted=True, policy=everything)) == [b"host", b"script_name", b"a_b"]
    assert refusal(*lines, trusted=True, policy=Policy(header_map="refuse")) == 400


def test_what_a_client_sends_does_not_pass_for_what_a_trusted_peer_says() -> None:
    """The peer hands on a client's Script-Name beside its own SCRIPT_NAME, or without."""
    assert names(judged("Host: a", "Script-Name: /b", trusted=True)) == [b"host"]
    assert names(judged("Path-Info: /b", "Host: a", "PATH_INFO: /c", trusted=True)) == [b"host", b"path_info"]
    assert names(judged("Host: a", "Script-Name: /b", trusted=False)) == [b"host", b"script-name"]
    assert refusal("Host: a", "Script-Name: /b", trusted=True, policy=Policy(header_map="refuse")) == 400
    dangerous = Policy(header_map="dangerous")
    assert names(judged("Host: a", "Script-Name: /b", trusted=True, policy=dangerous)) == [b"host", b"script-name"]


def test_a_field_that_a_trusted_peer_names_has_no_twin() -> None:
    remote = Policy(forwarder_fields=frozenset({"REMOTE_USER"}))
    for policy in (remote, Policy(forwarder_fields=frozenset("*"))):
        section = judged(
            "Host: a", "Remote-User: root", "REMOTE_USER: me", "Remote_User: too", trusted=True, policy=policy
        )
        assert [item.text for item in section.fields] == ["a", "me", "too"]
    assert names(judged("Host: a", "Script-Name: /b", trusted=True, policy=remote)) == [b"host", b"script-name"]


def test_the_list_that_was_judged_is_not_changed() -> None:
    """It may be shared with a request that is still being answered."""
    section = Section()
    section.minor = 1
    section.fields = before = [field("Host: a"), field("A_b: 1")]
    judge(section, STRICT, trusted=False)
    assert len(before) == 2
    assert section.fields is not before
