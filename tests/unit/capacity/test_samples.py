"""What an application can be asked for, as each framework keeps it. The frameworks' own are in tests/live."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from tonnage.app.load import LoadedApp
from tonnage.capacity.samples import MOST, examine, examine_host


def paths(call: Callable[..., object]) -> list[str]:
    found = examine(LoadedApp(call, "wsgi"))["paths"]
    assert isinstance(found, list)
    return found


class Application:
    def __init__(self, **parts: object) -> None:
        self.__dict__.update(parts)

    def __call__(self) -> None: ...


def test_who_says_nothing_is_asked_for_the_root() -> None:
    assert paths(lambda: None) == ["/"]
    assert examine(LoadedApp(lambda: None, "wsgi"))["host"] == "localhost"


def test_an_openapi_document_names_what_needs_nothing() -> None:
    required = {"parameters": [{"name": "q", "required": True}]}
    free = {"parameters": [{"name": "q", "required": False}]}
    document = {"paths": {"/a": {"get": free}, "/b/{id}": {"get": {}}, "/c": {"post": {}}, "/d": {"get": required}}}
    assert paths(Application(openapi=lambda: document)) == ["/a"]


def test_a_document_that_cannot_be_made_is_a_note_and_the_routes_are_taken_without_the_pages_that_show_it() -> None:
    def openapi() -> None:
        raise ValueError("no schema\nfor a callable")

    own = SimpleNamespace(path="/x", methods={"GET"}, include_in_schema=True)
    page = SimpleNamespace(path="/docs", methods={"GET"}, include_in_schema=False)
    found = examine(LoadedApp(Application(openapi=openapi, routes=[page, own]), "asgi"))
    reason = "the OpenAPI document could not be read (ValueError: no schema for a callable)"
    assert (found["paths"], found["notes"]) == (["/x"], [f"{reason}: name the paths with --paths"])


def test_a_urlconf_that_cannot_be_imported_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    class Resolver:
        @property
        def url_patterns(self) -> object:
            raise ImportError("no module named 'views'")

    conf, urls = ModuleType("django.conf"), ModuleType("django.urls")
    conf.settings = SimpleNamespace(configured=True, ALLOWED_HOSTS=[])  # type: ignore[attr-defined]
    urls.get_resolver = Resolver  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django.conf", conf)
    monkeypatch.setitem(sys.modules, "django.urls", urls)
    found = examine(LoadedApp(lambda: None, "wsgi"))
    assert found["paths"] == ["/"]
    assert "Django's URLconf could not be read (ImportError: no module named 'views')" in str(found["notes"])
    assert examine_host(LoadedApp(lambda: None, "wsgi")) == {"paths": [], "host": "localhost", "notes": []}


def test_flask_s_rules_without_arguments() -> None:
    rules = [
        SimpleNamespace(rule="/", arguments=set(), methods={"GET"}),
        SimpleNamespace(rule="/<x>", arguments={"x"}, methods={"GET"}),
        SimpleNamespace(rule="/form", arguments=set(), methods={"POST"}),
        SimpleNamespace(rule="/logout", arguments=set(), methods={"GET"}),
    ]
    flask = Application(url_map=SimpleNamespace(iter_rules=lambda: rules))
    assert paths(flask) == ["/"]
    assert paths(Application(wsgi_app=flask)) == ["/"], "behind middleware"


def test_starlette_s_routes_and_mounts() -> None:
    def leaf(path: str, *methods: str) -> SimpleNamespace:
        return SimpleNamespace(path=path, methods=set(methods))

    mount = SimpleNamespace(path="/api", routes=[leaf("/v1", "GET", "HEAD"), leaf("/{id}", "GET")])
    assert paths(Application(routes=[leaf("/x", "GET"), leaf("/y", "POST"), mount])) == ["/x", "/api/v1"]


def test_so_many_and_no_more() -> None:
    document: dict[str, object] = {"paths": {f"/{number}": {"get": {}} for number in range(100)}}
    assert len(paths(Application(openapi=lambda: document))) == MOST


def test_django_s_urlconf_without_converters_and_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    def view(route: str) -> SimpleNamespace:
        return SimpleNamespace(pattern=route)

    admin = SimpleNamespace(pattern="admin/", url_patterns=[view(""), view("logout/"), view("<path:rest>")])
    regex = [view(r"^robots\.txt$"), view(r"^(?P<x>\d+)/$"), view(r"^feed/\Z")]
    patterns = [view(""), view("ships/"), view("ships/<int:pk>/"), admin, *regex]
    conf, urls = ModuleType("django.conf"), ModuleType("django.urls")
    conf.settings = SimpleNamespace(configured=True, ALLOWED_HOSTS=["*", ".example.com"])  # type: ignore[attr-defined]
    urls.get_resolver = lambda: SimpleNamespace(url_patterns=patterns)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django.conf", conf)
    monkeypatch.setitem(sys.modules, "django.urls", urls)
    assert paths(lambda: None) == ["/", "/ships/", "/admin/", "/robots.txt", "/feed/"]
    assert examine(LoadedApp(lambda: None, "wsgi"))["host"] == "example.com"
