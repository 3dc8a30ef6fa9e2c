"""What nearly every application imports of the standard library, so that workers share it: decision 0013.

Never the application, and nothing of its own. A worker class that patches the library (gevent's monkey.patch_all) must
do it before: names that others have taken from ssl cannot be patched later.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

NAMES = (
    "asyncio",
    "concurrent.futures.thread",
    "decimal",
    "email.headerregistry",
    "email.mime.multipart",
    "email.mime.text",
    "email.parser",
    "hmac",
    "html.parser",
    "http.client",
    "http.cookies",
    "importlib.metadata",
    "json",
    "logging.config",
    "mimetypes",
    "pickle",
    "platform",
    "secrets",
    "socketserver",
    "ssl",
    "tempfile",
    "uuid",
    "wsgiref.util",
    "zoneinfo",
)


def import_library() -> None:
    """A Python that was built without one of them does without it."""
    for name in NAMES:
        with suppress(ImportError):
            import_module(name)
