"""The TLS files are opened, so that a wrong one is found before the start."""

from pathlib import Path

import pytest

from tonnage.cli.check import tls_problem
from tonnage.config.model import Config

# Made for this test, and good for nothing else: openssl req -x509 -newkey ec -days 36500 -subj /CN=test
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUB5IRdzfroZtG5sGOectVbbiLLscwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjEyMzEzMzFaGA8yMTI2MTAyODIzMTMz
MVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKon
CollENeGAjg6Lea3x8FgboiayZr5Evo82YJLU44WWC7cKOJG1tULHWOwrjBOGiZM
Jl2zelvkwubzoya61f+jUzBRMB0GA1UdDgQWBBQinvWFuGpS6f5MnHRx0nOpxjWg
rjAfBgNVHSMEGDAWgBQinvWFuGpS6f5MnHRx0nOpxjWgrjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIF+d9CvpWUl6VgNHBgAxpjkjFOdxj+UUJ+7N
NxT8kkMYAiEAzbBQ/a91Cd4P4Wm2voQlnAQApxE+ngM79LUGnnVfWHc=
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
    }.items():
        (tmp_path / name).write_text(text)


@pytest.mark.parametrize(
    "config",
    [
        Config(certfile="cert.pem", keyfile="key.pem"),
        Config(certfile="both.pem"),
        Config(certfile="both.pem", ca_certs="cert.pem", ciphers="HIGH"),
    ],
)
def test_files_that_fit_can_be_used(config: Config) -> None:
    assert tls_problem(config) == ""


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (Config(keyfile="key.pem"), "keyfile is set, but certfile is not"),
        (Config(certfile="none.pem"), "none.pem is not there, or this user may not read it"),
        (Config(certfile="cert.pem", keyfile="none.pem"), "none.pem is not there"),
        (Config(certfile="both.pem", ca_certs="none.pem"), "none.pem is not there"),
        (Config(certfile="cert.pem"), "cert.pem and the key in it cannot be used"),
        (
            Config(certfile="cert.pem", keyfile="another.pem"),
            "cert.pem and another.pem cannot be used: KEY_VALUES_MISMATCH",
        ),
        (Config(certfile="nonsense.pem"), "nonsense.pem and the key in it cannot be used"),
        (Config(certfile="cert.pem", keyfile="locked.pem"), "the key needs a password"),
        (Config(certfile="both.pem", ca_certs="nonsense.pem"), "nonsense.pem cannot be used"),
        (Config(certfile="both.pem", ciphers="NO SUCH"), "ciphers = 'NO SUCH' cannot be used"),
    ],
)
def test_files_that_do_not_fit_are_named(config: Config, problem: str) -> None:
    assert problem in tls_problem(config)
