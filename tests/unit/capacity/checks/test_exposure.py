import pytest

from tonnage.capacity.application import Application
from tonnage.capacity.checks import exposure
from tonnage.capacity.finding import Finding, Verdict
from tonnage.config.model import Config
from tonnage.config.values import address

UNIX = Config(bind=(address("unix:/run/app.sock"),))


def django(*hosts: str, debug: bool = False) -> Application:
    return Application("wsgi", 1, "Django", debug=debug, allowed_hosts=hosts)


def found(check: exposure.Check, app: Application | None = None, config: Config = UNIX, uid: int = 1000) -> Finding:
    finding = check(config, uid, app)
    assert finding is not None
    return finding


@pytest.mark.parametrize(("uid", "verdict"), [(0, Verdict.RISK), (33, Verdict.OK)])
def test_who_the_workers_are(uid: int, verdict: Verdict) -> None:
    assert found(exposure.root, uid=uid).verdict is verdict


def test_debug() -> None:
    assert found(exposure.debug, django(debug=False)).verdict is Verdict.OK
    risk = found(exposure.debug, django(debug=True))
    assert (risk.verdict, risk.remedy) == (Verdict.RISK, "DEBUG = False")
    assert found(exposure.debug, Application("wsgi", 1, "flask", debug=True)).remedy == "debug=False"
    assert exposure.debug(UNIX, 1, Application("wsgi", 1)) is exposure.debug(UNIX, 1, None) is None


@pytest.mark.parametrize(
    ("hosts", "debug", "verdict", "word"),
    [
        (("example.com",), False, Verdict.OK, ""),
        ((), False, Verdict.RISK, "every request is answered 400"),
        ((), True, Verdict.RISK, "only localhost"),
        (("example.com", "*"), False, Verdict.RISK, "any Host"),
    ],
)
def test_allowed_hosts(hosts: tuple[str, ...], debug: bool, verdict: Verdict, word: str) -> None:
    finding = found(exposure.allowed_hosts, django(*hosts, debug=debug))
    assert finding.verdict is verdict
    assert word in finding.because


@pytest.mark.parametrize(
    ("bind", "verdict"),
    [
        ("unix:/run/app.sock", Verdict.OK),
        ("127.0.0.1:8000", Verdict.OK),
        ("localhost:8000", Verdict.OK),
        ("[::1]:8000", Verdict.OK),
        (":8000", Verdict.NOTE),
        ("0.0.0.0:8000", Verdict.NOTE),
        ("[::]:8000", Verdict.NOTE),
        ("10.0.0.7:8000", Verdict.NOTE),
        ("app.internal:8000", Verdict.NOTE),
    ],
)
def test_who_can_reach_it(bind: str, verdict: Verdict) -> None:
    config = Config(bind=(address(bind),))
    assert found(exposure.reach, config=config).verdict is verdict
    trusting = Config(bind=config.bind, forwarded_allow_ips=("*",))
    assert found(exposure.trust, config=trusting).verdict is (Verdict.OK if verdict is Verdict.OK else Verdict.RISK)
    assert found(exposure.trust, config=config).verdict is Verdict.OK


def test_with_tls_of_its_own_it_is_meant_to_be_reached() -> None:
    config = Config(bind=(address(":443"),), certfile="cert.pem")
    assert found(exposure.reach, config=config).because == "with TLS of its own"
