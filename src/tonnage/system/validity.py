"""From when until when a certificate is good: `ssl` says it of others' certificates only, so ours is read here.

Only as much of DER (X.690) and X.509 (RFC 5280 4.1) as leads to the two dates, in a file that OpenSSL has accepted.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

VERSION = 0xA0  # the optional first field, [0]
UTC_TIME = 0x17  # two digits of the year; GeneralizedTime has four
BEFORE_VALIDITY = 3  # serial number, algorithm, issuer
LATE = 6  # in the last sixth of its life it should have been renewed: certbot does in the last third
CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Validity:
    begins: datetime
    ends: datetime

    def complaint(self, now: datetime) -> str:
        """What the operator should know, or ""."""
        if now >= self.ends:
            return f"has expired on {self.ends:%Y-%m-%d %H:%M} UTC, and clients refuse it: renew it"
        if now < self.begins:
            return (
                f"is good from {self.begins:%Y-%m-%d %H:%M} UTC only, and clients refuse it until then: see the clock"
            )
        if now >= self.ends - (self.ends - self.begins) / LATE:
            left = (self.ends - now) // timedelta(days=1)
            return f"expires on {self.ends:%Y-%m-%d %H:%M} UTC, in {left} days: renew it"
        return ""


def read(chain: bytes) -> Validity:
    """Of the first certificate in a PEM file. Raises ValueError when there is none."""
    match = CERTIFICATE.search(chain)
    if match is None:
        raise ValueError("there is no certificate")
    data = ssl.PEM_cert_to_DER_cert(match[0].decode("ascii"))
    try:
        return _validity(data)
    except (IndexError, ValueError) as exc:
        raise ValueError("what it holds is no certificate") from exc


def _validity(data: bytes) -> Validity:
    _, at, _ = _element(data, 0)  # Certificate
    _, at, _ = _element(data, at)  # tbsCertificate
    tag, _, end = _element(data, at)
    if tag == VERSION:
        at = end
    for _ in range(BEFORE_VALIDITY):
        _, _, at = _element(data, at)
    _, at, _ = _element(data, at)
    begins, at = _time(data, at)
    ends, _ = _time(data, at)
    return Validity(begins, ends)


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """Its tag, where its content begins, and where that ends."""
    length = data[at + 1]
    begin = at + 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[at + 2 : begin])
    return data[at], begin, begin + length


def _time(data: bytes, at: int) -> tuple[datetime, int]:
    tag, begin, end = _element(data, at)
    text = data[begin:end].decode("ascii")
    if tag == UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC), end
