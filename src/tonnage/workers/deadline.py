"""What follows from a request that is past its deadline: the line in the access log, the hook, the worker's end."""

from __future__ import annotations

import logging
import os
from time import monotonic_ns

from tonnage.hooks import Worker, WorkerHook
from tonnage.messages import Recycle
from tonnage.observe.access import AccessLog
from tonnage.system.channel import Channel
from tonnage.workers.exchange import Exchange
from tonnage.workers.threads import Loop
from tonnage.workers.witness import Witness

EXIT_DEADLINE = 1


class Deadline:
    """Called by the watchdog, on its thread."""

    def __init__(
        self, loop: Loop, channel: Channel, worker: Worker, hook: WorkerHook | None, witness: Witness | None,
        access: AccessLog | None, log: logging.Logger,
    ) -> None:  # fmt: skip
        self._loop = loop
        self._channel = channel
        self._worker = worker
        self._hook = hook
        self._witness = witness
        self._access = access
        self._log = log

    def __call__(self, exchange: Exchange, reason: str) -> None:
        exchange.ended_ns = monotonic_ns()
        exchange.service_ns = exchange.ended_ns - exchange.began_ns
        if self._witness is not None:
            self._witness.answered(exchange)
        if self._hook is not None:
            try:
                self._hook(self._worker)
            except Exception:  # noqa: BLE001 - the operator's code may raise anything
                self._log.exception("the worker_abort hook raised")
        self._channel.send(Recycle(reason, urgent=True))
        if self._loop.is_stuck_with(exchange):
            self._end()
        self._loop.post(lambda: self._loop.condemn(exchange))

    def _end(self) -> None:
        """The stuck thread is the only one: nothing that this process holds can be finished any more."""
        if self._access is not None:
            self._access.flush()
        logging.shutdown()
        os._exit(EXIT_DEADLINE)
