"""What the operator's files make of a context, and what is said when they cannot be used."""

import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tonnage.config.model import Config
from tonnage.errors import ConfigError
from tonnage.system import tls

# Made for this test, and good for nothing else: of EC, for CN=test, from 2000 to 2126
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUB5IRdzfroZtG5sGOectVbbiLLscwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0wMDAxMDEwMDAwMDBaGA8yMTI2MDEwMTAwMDAw
MFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKon
CollENeGAjg6Lea3x8FgboiayZr5Evo82YJLU44WWC7cKOJG1tULHWOwrjBOGiZM
Jl2zelvkwubzoya61f+jUzBRMB0GA1UdDgQWBBQinvWFuGpS6f5MnHRx0nOpxjWg
rjAfBgNVHSMEGDAWgBQinvWFuGpS6f5MnHRx0nOpxjWgrjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQC0rUTVGM/AAaxKbUYFRMPbjmNG9XpY/G5e
zZDek5FoBAIgYZHU734+5XgZfvEcmSNyNTvGi4pHYDVpgcHTTE+evwk=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXq0QSB0STBcCAC96
wrdIjAAX/RIkHuQjxFIOhocj/W6hRANCAASqJwqJZRDXhgI4Oi3mt8fBYG6Imsma
+RL6PNmCS1OOFlgu3CjiRtbVCx1jsK4wThomTCZds3pb5MLm86MmutX/
-----END PRIVATE KEY-----
"""
ANOTHER_KEY = """\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEICfmBcBtJWRKk3hpDRUIKaqLyTxw7bRZoYNyljZRCllXoAoGCCqGSM49
AwEHoUQDQgAEKchdn98wHG4oMDdR1w2oGdeZn6E/2snom+hvUuf6H6c3bTjy4dkd
06Ut8/cCluF7JJtUjVlRvGlu+YafTOAD0A==
-----END EC PRIVATE KEY-----
"""
LOCKED_KEY = """\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,A711C4C50F9461C12281CCC7EF0B5ECF

Yt5zzwV9VSBWozaeRy5UdD5ajALiZRnV9K96QLaIpCFlz9iamDje8dGKFZDbEUpw
uGti+AReZPSaWfNXPWsCn0qg/lCZXs5MglB/M2tELuBruUO4qLVMM65DB4JB0kNf
CwneBMcmA1mi5tpdzVRyKIblofs7HJNebRKuJKPOV0Y=
-----END EC PRIVATE KEY-----
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "cert.pem": CERTIFICATE,
        "key.pem": KEY,
        "both.pem": CERTIFICATE + KEY,
        "another.pem": ANOTHER_KEY,
        "locked.pem": LOCKED_KEY,
        "nonsense.pem": "nonsense",
        "broken.pem": CERTIFICATE.replace("MII", "AAA") + KEY,
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "cert.der").write_bytes(ssl.PEM_cert_to_DER_cert(CERTIFICATE))


@pytest.mark.parametrize(
    "config",
    [
        Config(certfile="cert.pem", keyfile="key.pem"),
        Config(certfile="both.pem"),
        Config(certfile="both.pem", ca_certs="cert.pem", cert_reqs=2, ciphers="HIGH"),
        Config(certfile="cert.pem", keyfile="key.pem", chdir="."),
    ],
)
def test_files_that_fit_make_a_context_of_tls_1_2_at_least(config: Config) -> None:
    context = tls.make_context(config)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == config.cert_reqs


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (Config(keyfile="key.pem"), "keyfile is key.pem, but certfile is not set; name the certificate with"),
        (Config(certfile="none.pem"), "certfile none.pem cannot be read: No such file or directory"),
        (Config(certfile="cert.pem", keyfile="none.pem"), "keyfile none.pem cannot be read: No such file"),
        (Config(certfile="cert.pem", keyfile="."), "keyfile . cannot be read: Is a directory"),
        (Config(certfile="both.pem", ca_certs="none.pem"), "ca_certs none.pem cannot be read: No such file"),
        (Config(certfile="cert.pem"), "keyfile is not set, and certfile cert.pem holds no private key in PEM; name it"),
        (Config(certfile="both.pem", keyfile="cert.pem"), "keyfile cert.pem holds no private key in PEM"),
        (Config(certfile="cert.pem", keyfile="another.pem"), "the key in another.pem is not that of the first cert"),
        (Config(certfile="nonsense.pem"), "certfile nonsense.pem holds no certificate in PEM"),
        (Config(certfile="broken.pem"), "certfile broken.pem with the key in broken.pem cannot be used"),
        (Config(certfile="cert.der", keyfile="key.pem"), "if it is DER: openssl x509 -inform der -in OLD -out NEW"),
        (Config(certfile="cert.pem", keyfile="locked.pem"), "the key in locked.pem is encrypted, and nobody is there"),
        (Config(certfile="both.pem", ca_certs="nonsense.pem"), "ca_certs nonsense.pem cannot be used"),
        (Config(certfile="both.pem", cert_reqs=2), "cert_reqs = 2 asks clients for certificates, but ca_certs is not"),
        (Config(certfile="both.pem", ciphers="NO SUCH"), "ciphers = 'NO SUCH' names nothing that OpenSSL has"),
    ],
)
def test_files_that_do_not_fit_are_named_with_what_is_wrong(config: Config, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        tls.make_context(config)
    assert problem in str(refused.value)


def test_the_hook_makes_the_context_from_the_settings_or_from_the_default() -> None:
    def hook(config: object, default: Callable[[], object]) -> object:
        assert config is settings
        made = default()
        assert isinstance(made, ssl.SSLContext)
        made.minimum_version = ssl.TLSVersion.TLSv1_3
        return made

    settings = Config(certfile="both.pem", ssl_context=hook)
    assert tls.Certificates(settings).context.minimum_version == ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        (lambda _config, _default: None, "the hook ssl_context returned None, not an ssl.SSLContext"),
        (lambda _config, _default: 1 / 0, "the hook ssl_context raised ZeroDivisionError: division by zero"),
        (lambda _config, default: default(), "certfile none.pem cannot be read"),
    ],
)
def test_a_hook_that_makes_no_context_is_named(hook: Callable[..., object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        tls.open_context(Config(certfile="none.pem", ssl_context=hook))


class Renewal:
    """Certificates whose files the test changes, and what is logged of it."""

    def __init__(self, directory: Path, caplog: pytest.LogCaptureFixture) -> None:
        self.directory = directory
        self.certificates = tls.Certificates(Config(certfile="cert.pem", keyfile="key.pem"))
        self.first = self.certificates.context
        self.log = logging.getLogger("renewal")
        self._caplog = caplog
        caplog.set_level("INFO")

    @property
    def said(self) -> list[str]:
        return [f"{record.levelname} {record.getMessage()}" for record in self._caplog.records]

    def write(self, name: str, text: str) -> None:
        new = self.directory / "new"
        new.write_text(text)
        new.rename(self.directory / name)

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.certificates.review(self.log)


@pytest.fixture
def renewal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Renewal:
    return Renewal(tmp_path, caplog)


def test_files_that_stay_as_they_are_are_left_alone(renewal: Renewal) -> None:
    renewal.look(3)
    assert renewal.certificates.context is renewal.first
    assert renewal.said == []


def test_changed_files_are_taken_when_they_have_settled(renewal: Renewal) -> None:
    renewal.write("cert.pem", CERTIFICATE + "\n")
    renewal.look()
    assert renewal.certificates.context is renewal.first, "the key may be about to change too"
    renewal.write("key.pem", KEY + "\n")
    renewal.look()
    assert renewal.certificates.context is renewal.first
    renewal.look()
    assert renewal.certificates.context is not renewal.first
    assert renewal.said == ["INFO the TLS files have changed: new connections get the new cert.pem"]


@pytest.mark.parametrize(("name", "text"), [("key.pem", ANOTHER_KEY), ("cert.pem", "nonsense"), ("cert.pem", "")])
def test_a_changed_file_that_cannot_be_used_leaves_the_old_context_and_is_reported_once(
    renewal: Renewal, name: str, text: str
) -> None:
    renewal.write(name, text)
    renewal.look(4)
    assert renewal.certificates.context is renewal.first
    (line,) = renewal.said
    assert line.startswith("ERROR the TLS files have changed and cannot be used, so the old ones stay in use: ")
    assert name in line


def test_a_file_that_is_gone_for_a_while_is_missed_and_taken_up_again(renewal: Renewal, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").unlink()
    renewal.look(3)
    renewal.write("cert.pem", CERTIFICATE)
    renewal.look(3)
    assert [line.split()[0] for line in renewal.said] == ["ERROR", "INFO"]
    assert "No such file" in renewal.said[0]


def test_a_worker_that_starts_later_takes_the_newer_files_at_once(renewal: Renewal) -> None:
    renewal.write("cert.pem", CERTIFICATE + "\n")
    renewal.certificates.take_up(renewal.log)
    assert renewal.certificates.context is not renewal.first


def test_a_certificate_that_should_have_been_renewed_is_complained_about_once_a_day(
    tmp_path: Path, renewal: Renewal
) -> None:
    now = datetime.now(UTC)
    made = trustme.CA().issue_cert(
        "127.0.0.1", not_before=now - timedelta(days=80), not_after=now + timedelta(days=9.5)
    )
    made.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "late.pem"))
    renewal.certificates = tls.Certificates(Config(certfile="late.pem"))
    renewal.look(5)
    (line,) = renewal.said
    ends = now + timedelta(days=9.5)
    assert line == f"WARNING the certificate in late.pem expires on {ends:%Y-%m-%d %H:%M} UTC, in 9 days: renew it"


def test_a_name_is_written_as_rfc_4514_says() -> None:
    name = ((("countryName", "DE"),), (("organizationName", 'A, B "C"'),), (("commonName", "#x"), ("title", " y ")))
    assert tls.distinguished_name(name) == 'CN=\\#x+title=\\ y\\ ,O=A\\, B \\"C\\",C=DE'
