"""Takes the steps of a visit with Django's own test client: what the application answers when no server is between.

A program, because a process has one Django: run in the site's directory, steps as JSON in, answers as JSON out.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.live.sites import Site
from tests.live.steps import CSRF, SHOWN, Answer, Step, comparable


def ask_django(site: Site, steps: Sequence[Step]) -> list[Answer]:
    root = Path(__file__).parent.parent.parent
    asked = [[step.method, step.path, dict(step.fields), base64.b64encode(step.body).decode()] for step in steps]
    done = subprocess.run(
        [sys.executable, "-m", "tests.live.oracle"],
        cwd=site.directory,
        env={
            **os.environ,
            **site.env,
            "DJANGO_SETTINGS_MODULE": site.settings,
            "PYTHONPATH": f"{site.directory}{os.pathsep}{root}",
        },
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        timeout=300,
        check=True,
    )
    answers = json.loads(done.stdout)
    return [comparable(status, [(n, v) for n, v in fields], base64.b64decode(body)) for status, fields, body in answers]


def main() -> None:
    import django
    from django.test import Client

    django.setup()
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    token = b""
    answers = []
    for method, path, fields, body in json.load(sys.stdin):
        content_type = fields.pop("Content-Type", "application/octet-stream")
        data = base64.b64decode(body).replace(CSRF, token)
        response = client.generic(method, path, data, content_type=content_type, headers=fields)
        content = b"".join(response) if response.streaming else response.content
        for name in [name for name, morsel in client.cookies.items() if morsel["max-age"] == 0]:
            del client.cookies[name]  # as a browser does; the test client would send it empty
        if shown := SHOWN.search(content):
            token = shown[1]
        sent = [*response.items(), *(("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values())]
        status = f"{response.status_code} {response.reason_phrase}"
        answers.append((status, sent, base64.b64encode(content).decode()))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
