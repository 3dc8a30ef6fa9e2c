"""Where a connection stands, in two halves: what we read of a request, what we write of its response.

    reading   HEAD ──> BODY ──> DONE ──(response sent, both sides keep alive)──> HEAD
    writing   WAITING ──> STARTED ──> WAITING
    either    ──> CLOSED: a refusal, an unfinished response, `Connection: close`, a body nobody read. No way back.

Plain ints: they are compared for every request, and an Enum member costs two look-ups each time.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

HEAD: Final = 0  # the next request, or its beginning, may come
BODY: Final = 1  # a head was handed out, its content is not complete
DONE: Final = 2  # the request is complete; the next one waits for its response
CLOSED: Final = 3  # nothing that comes is looked at

WAITING: Final = 0  # for respond()
STARTED: Final = 1

# How the client finds the end of a response (RFC 9112 6.3)
NOTHING: Final = 0  # there is no content: HEAD, 204, 205, 304
COUNTED: Final = 1  # Content-Length
CHUNKED: Final = 2
UNTIL_CLOSE: Final = 3


class End(Enum):
    """What `next()` returns after the last piece of a body."""

    END = "end of content"


END: Final = End.END
