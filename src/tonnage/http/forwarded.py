"""Who is believed about the client: peers that are ours.

What they say is applied in app/environ.py: the scheme, and where the application is mounted. X-Forwarded-For is not:
which of its entries is true depends on how many proxies there are, which nobody has told us.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

REMEMBERED = 1024  # peers; proxies are few, and strangers must not fill the memory

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def trust(allowed: Iterable[str]) -> Callable[[str], bool]:
    """A judge of peers' addresses; "" is the peer of a Unix socket, whom the file system has let in."""
    names = set(allowed)
    if "*" in names:
        return lambda _peer: True
    networks = [ipaddress.ip_network(name, strict=False) for name in names]
    verdicts = {"": True}

    def is_trusted(peer: str) -> bool:
        verdict = verdicts.get(peer)
        if verdict is None:
            if len(verdicts) >= REMEMBERED:
                verdicts.clear()
                verdicts[""] = True
            verdict = verdicts[peer] = _is_in(peer, networks)
        return verdict

    return is_trusted


def _is_in(peer: str, networks: list[Network]) -> bool:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if any(address in network for network in networks):
        return True
    mapped = address.ipv4_mapped if address.version == 6 else None  # an IPv4 client of a dual-stack listener
    return mapped is not None and any(mapped in network for network in networks)
