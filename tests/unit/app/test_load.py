"""What `tonnage SPEC` finds, and what it says when it does not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tonnage.app.load import Spec, load_app, parse_spec
from tonnage.errors import AppLoadError, BootError


@pytest.fixture(autouse=True)
def fresh_imports() -> Iterator[None]:
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path


def module(where: Path, source: str, name: str = "harbour") -> list[str]:
    (where / f"{name}.py").write_text(source)
    return [str(where)]


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("mysite.wsgi", Spec("mysite.wsgi")),
        ("mysite.wsgi:application", Spec("mysite.wsgi", "application")),
        ("site:create_app()", Spec("site", "create_app", called=True)),
        ("site:create_app('prod', [1, 2], debug=True)",
         Spec("site", "create_app", ("prod", [1, 2]), (("debug", True),), called=True)),
    ],
)  # fmt: skip
def test_the_three_forms(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not MODULE, MODULE:NAME or"),
        (":app", "is not MODULE, MODULE:NAME or"),
        ("site:", "is not MODULE, MODULE:NAME or"),
        ("app/main.py:app", "name the module instead: app.main:app"),
        ("site:a b", "neither a name nor a call"),
        ("site:a.b", "must be a name of the module site"),
        ("site:make(open('x'))", "must be literals"),
    ],
)
def test_a_spec_of_no_known_form_is_refused_with_what_to_write_instead(text: str, says: str) -> None:
    with pytest.raises(AppLoadError) as caught:
        parse_spec(text)
    assert says in str(caught.value)


def test_application_is_looked_for_before_app(tmp_path: Path) -> None:
    paths = module(tmp_path, "def app(e, s): ...\ndef application(e, s): ...\n")
    assert load_app("harbour", paths).call.__name__ == "application"


def test_app_is_found_when_there_is_no_application(tmp_path: Path) -> None:
    assert load_app("harbour", module(tmp_path, "def app(e, s): ...\n")).call.__name__ == "app"


def test_a_factory_is_called_with_its_arguments(tmp_path: Path) -> None:
    paths = module(tmp_path, "def make(name, *, n=1):\n    def app(e, s): return name * n\n    return app\n")
    assert load_app("harbour:make('x', n=3)", paths).call(None, None) == "xxx"


def test_a_missing_name_is_answered_with_the_file_and_what_it_defines(tmp_path: Path) -> None:
    paths = module(tmp_path, "def applicaton(e, s): ...\ndef other(): ...\n")
    with pytest.raises(AppLoadError) as caught:
        load_app("harbour:application", paths)
    assert f"{tmp_path}/harbour.py defines no 'application'; did you mean harbour:applicaton?" in str(caught.value)


def test_a_factory_is_suggested_when_there_is_no_application(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match=r"did you mean harbour:create_app\(\)\?"):
        load_app("harbour", module(tmp_path, "def create_app(): ...\n"))


def test_what_is_there_is_listed_when_nothing_is_near(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match="it defines Ship, sail"):
        load_app("harbour:xyzzy", module(tmp_path, "class Ship: ...\ndef sail(): ...\nX = 1\n"))


def test_an_object_that_cannot_be_called_is_no_application(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match="is a int, which cannot be called"):
        load_app("harbour:app", module(tmp_path, "app = 7\n"))


def test_wrong_arguments_of_a_factory_are_not_a_failed_import(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match="does not take these arguments"):
        load_app("harbour:make(1)", module(tmp_path, "def make(): ...\n"))


def test_a_factory_that_returns_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(AppLoadError, match="returned NoneType"):
        load_app("harbour:make()", module(tmp_path, "def make(): ...\n"))


@pytest.mark.parametrize("source", ["1/0\n", "import sys; sys.exit(3)\n", "def (\n"])
def test_whatever_an_import_raises_is_a_failed_boot(tmp_path: Path, source: str) -> None:
    with pytest.raises(BootError, match="importing 'harbour' raised") as caught:
        load_app("harbour", module(tmp_path, source))
    assert caught.value.__cause__ is not None
    assert caught.value.exit_code == 3


def test_a_name_behind_a_dot_is_told_to_stand_behind_a_colon(tmp_path: Path) -> None:
    with pytest.raises(BootError, match="did you mean harbour:pier") as caught:
        load_app("harbour.pier", module(tmp_path, "def pier(environ, start_response): ...\n"))
    assert caught.value.__cause__ is None


def test_a_module_that_is_not_there_is_told_from_one_that_it_misses(tmp_path: Path) -> None:
    with pytest.raises(BootError, match="there is no module 'harbor'") as caught:
        load_app("harbor.wsgi", [str(tmp_path)])
    assert caught.value.__cause__ is None, "a traceback through the import machinery says nothing more"
    with pytest.raises(BootError, match="importing 'harbour' raised ModuleNotFoundError: No module named 'nosuch'"):
        load_app("harbour", module(tmp_path, "import nosuch\n"))


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def app(e, s): ...\n", "wsgi"),
        ("class A:\n    def __call__(self, e, s): ...\napp = A()\n", "wsgi"),
        ("async def app(scope, receive, send): ...\n", "asgi"),
        ("class A:\n    async def __call__(self, scope, receive, send): ...\napp = A()\n", "asgi"),
        ("class app:\n    def __init__(self, e, s): ...\n    def __iter__(self): return iter([])\n", "wsgi"),
    ],
)
def test_wsgi_and_asgi_applications_are_told_apart(tmp_path: Path, source: str, kind: str) -> None:
    assert load_app("harbour:app", module(tmp_path, source)).kind == kind
