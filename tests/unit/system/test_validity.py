"""Dates of certificates made by somebody else's library, which says the same of them."""

from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cryptography import x509

from tonnage.system.validity import Validity, read

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NINETY = Validity(BEGIN, BEGIN + timedelta(days=90))


@pytest.mark.parametrize("year", [1999, 2026, 2049, 2050, 2126])
@pytest.mark.parametrize("key", list(trustme.KeyType))
def test_the_dates_are_what_cryptography_reads(year: int, key: trustme.KeyType) -> None:
    begins = datetime(1990, 2, 3, 4, 5, 6, tzinfo=UTC)
    made = trustme.CA(key_type=key).issue_cert(
        "127.0.0.1", not_before=begins, not_after=datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC), key_type=key
    )
    chain = b"a word before\n" + b"".join(each.bytes() for each in made.cert_chain_pems)
    theirs = x509.load_pem_x509_certificate(made.cert_chain_pems[0].bytes())
    assert read(chain) == Validity(theirs.not_valid_before_utc, theirs.not_valid_after_utc)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-1, "is good from 2026-01-01 00:00 UTC only, and clients refuse it until then: see the clock"),
        (0, ""),
        (74, ""),
        (75, "expires on 2026-04-01 00:00 UTC, in 15 days: renew it"),
        (89.9, "expires on 2026-04-01 00:00 UTC, in 0 days: renew it"),
        (90, "has expired on 2026-04-01 00:00 UTC, and clients refuse it: renew it"),
    ],
)
def test_what_an_operator_should_know_is_said(days: float, said: str) -> None:
    assert NINETY.complaint(BEGIN + timedelta(days=days)) == said


@pytest.mark.parametrize("body", ["", "MAA=", "MIID", "AAAA", "MIIBdTCCARugAwIBAgIUB5I="])
def test_what_is_no_certificate_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        read(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode())
