"""How octets leave and reach a client: the one seam between the loop and what is below it.

In the clear these are the system calls themselves, so that nothing is paid for the seam; over TLS they are functions
of the same meaning, see tls.py. Each raises BlockingIOError when it would wait, any other OSError when the client is
gone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

Read = Callable[[int, int], bytes]  # descriptor, most; b"": the client will send no more
Write = Callable[[int, bytes | memoryview], int]  # how many were taken; after BlockingIOError the same come again
SendFile = Callable[[int, int, int, int], int]  # to, from, offset, count; 0: the file has ended


@dataclass(frozen=True, slots=True)
class Line:
    read: Read
    write: Write
    send_file: SendFile


PLAIN = Line(os.read, os.write, os.sendfile)
