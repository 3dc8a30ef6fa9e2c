from __future__ import annotations

from dataclasses import dataclass

from tonnage.config.kinds import SECONDS
from tonnage.config.setting import setting


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Timeouts."""

    timeout: float = setting(
        30.0,
        "-t",
        "--timeout",
        kind=SECONDS,
        meaning="How long one request may take before its worker is considered hung; 0 is for ever. In an asgi worker: "
        "how long an application may leave its client without an octet.",
    )
    graceful_timeout: float = setting(
        30.0,
        "--graceful-timeout",
        kind=SECONDS,
        meaning="How long a draining worker may take to finish what is in flight before it is killed.",
    )
    drain_delay: float = setting(
        0.0,
        "--drain-delay",
        kind=SECONDS,
        meaning="How long a server that was told to stop (TERM) goes on accepting, answering `Connection: close`, "
        "before it drains. INT and QUIT do not wait.",
        why="A proxy of this machine notices at once. Behind a load balancer or in Kubernetes, which go on sending for "
        "some seconds, set it to what they need; it is added to graceful_timeout.",
    )
    queue_timeout: float = setting(
        0.0,
        "--queue-timeout",
        kind=SECONDS,
        meaning="A request that has waited longer than this, by its X-Request-Start or in our own queue, gets 503 with "
        "Retry-After instead of being served; 0 serves every request.",
        why="Off: only you know when your clients give up. Once they have, each answer they no longer read delays one "
        "that somebody still waits for.",
    )
    boot_timeout: float = setting(
        60.0,
        "--boot-timeout",
        kind=SECONDS,
        meaning="How long a worker may take from fork to ready; 0 is for ever.",
        why="Loading is not serving: a slow import needs more than a request, and a hung one must not go unseen.",
    )
    keepalive: float = setting(
        75.0,
        "--keep-alive",
        kind=SECONDS,
        meaning="How long an idle connection is kept for its next request; 0 closes after each response.",
        why="The client should be the one who closes an idle connection: load balancers keep theirs for 60 s, and with "
        "Gunicorn's 2 s they send requests into connections that are just being closed, which users see as 502.",
    )
    head_timeout: float = setting(
        20.0,
        "--head-timeout",
        kind=SECONDS,
        meaning="How long a client may take to send a request's head, from its first byte, or from the connection's "
        "opening; then it gets 408. 0 is for ever.",
        why="A head is one or two packets. 20 s forgives a bad line; more only helps who wants to tie up connections.",
    )
    body_timeout: float = setting(
        60.0,
        "--body-timeout",
        kind=SECONDS,
        meaning="How long a client may pause while it sends a body; then it gets 408. 0 is for ever.",
        why="It counts the silence, not the upload, so a slow upload passes. 60 s is what nginx allows.",
    )
    write_timeout: float = setting(
        60.0,
        "--write-timeout",
        kind=SECONDS,
        meaning="How long a client may take none of the response; then the connection is closed. 0 is for ever.",
        why="It counts the silence, not the download. 60 s is what nginx allows.",
    )
