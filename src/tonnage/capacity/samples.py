"""What an application can be asked for without knowing anything of it: its own routes without parameters, by GET.

`examine` runs in the process that has loaded the application (cli/trial.py). Django is asked for its URLconf, whoever
has an OpenAPI document (FastAPI...) for that, Flask and Starlette for their routes. Nothing is imported that the
application has not imported itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

from tonnage.app.load import LoadedApp

MOST = 20
MOST_SAID = 300  # of an exception
UNWANTED = re.compile(r"log[-_]?out|sign[-_]?out|delete|unsubscribe", re.IGNORECASE)  # by GET, in spite of RFC 9110
WITHIN = ("app", "wsgi_app", "application", "asgi_app")  # where middleware keeps what it wraps
DEPTH = 8


def examine(app: LoadedApp) -> dict[str, object]:
    """{"paths": [...], "host": ..., "notes": [...]}: always one path at least."""
    notes = list[str]()
    found = (path for path in _found(app.call, notes) if not UNWANTED.search(path) and path.isascii())
    return {"paths": list(islice(dict.fromkeys(found), MOST)) or ["/"], "host": _host(), "notes": notes}


def examine_host(_: LoadedApp) -> dict[str, object]:
    """The same where the paths are known."""
    return {"paths": [], "host": _host(), "notes": []}


def _found(call: object, notes: list[str]) -> Iterator[str]:
    if (django := sys.modules.get("django.conf")) is not None and django.settings.configured:
        yield from _read("Django's URLconf", _urlconf, notes)
        return
    for layer in _layers(call):
        described = _read("the OpenAPI document", partial(_openapi, layer), notes)
        yield from described or _read("the routes", partial(_listed, layer), notes)
        yield from _read("the rules", partial(_flask, layer), notes)


def _read(name: str, read: Callable[[], Iterable[str]], notes: list[str]) -> list[str]:
    """It is the application's own code that runs; when it raises, visitors may be served all the same."""
    try:
        return list(read())
    except Exception as exc:  # noqa: BLE001  # whatever it raises
        said = " ".join(str(exc).split())[:MOST_SAID]
        notes.append(f"{name} could not be read ({type(exc).__name__}: {said}): name the paths with --paths")
        return []


def _urlconf() -> Iterator[str]:
    yield from _django(sys.modules["django.urls"].get_resolver().url_patterns, "/")


def _layers(call: object) -> Iterator[object]:
    """The application, and what it wraps."""
    for _ in range(DEPTH):
        yield call
        inner = next((found for name in WITHIN if (found := getattr(call, name, None)) is not None), None)
        if inner is None or not callable(inner):
            return
        call = inner


def _django(patterns: Iterable[object], before: str) -> Iterator[str]:
    for each in patterns:
        text = _literal(str(getattr(each, "pattern", "<")))
        if text is None:
            continue
        below = getattr(each, "url_patterns", None)
        if below is None:
            yield before + text
        else:
            yield from _django(below, before + text)


def _literal(route: str) -> str | None:
    """What a route or a regular expression stands for, if that is one text only."""
    text = re.sub(r"\\([/.\-])", r"\1", route.removeprefix("^").removesuffix("$").removesuffix(r"\Z"))
    return text if re.fullmatch(r"[\w/.\-~]*", text) else None


def _openapi(app: object) -> Iterator[str]:
    describe = getattr(app, "openapi", None)
    if not callable(describe):
        return
    document = describe()
    for path, operations in document.get("paths", {}).items():
        get = operations.get("get")
        if get is not None and "{" not in path and not any(each.get("required") for each in get.get("parameters", ())):
            yield path


def _flask(app: object) -> Iterator[str]:
    rules = getattr(getattr(app, "url_map", None), "iter_rules", None)
    for rule in rules() if rules is not None else ():
        if not rule.arguments and "GET" in (rule.methods or ()):
            yield rule.rule


def _listed(app: object) -> Iterator[str]:
    """Of who has a schema only what would stand in it: the pages that show the schema itself are not what is asked."""
    routes = getattr(app, "routes", None)
    if hasattr(app, "openapi") and isinstance(routes, list):
        routes = [route for route in routes if getattr(route, "include_in_schema", True)]
    yield from _routes(routes, "")


def _routes(routes: object, before: str) -> Iterator[str]:
    """Starlette's: a mount has routes of its own."""
    for route in routes if isinstance(routes, list) else ():
        path = getattr(route, "path", "{")
        if "{" in path:
            continue
        if isinstance(getattr(route, "routes", None), list):
            yield from _routes(route.routes, before + path)
        elif "GET" in (getattr(route, "methods", None) or ()):
            yield before + path


def _host() -> str:
    """One that Django answers to."""
    django = sys.modules.get("django.conf")
    hosts = list(django.settings.ALLOWED_HOSTS) if django is not None and django.settings.configured else []
    return next((host.lstrip(".") for host in hosts if host != "*"), "localhost")
