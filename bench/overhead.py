"""What it costs to know what the server does: CPU per request with and without, side by side in one run.

    python -m bench.overhead [STARTS]

Two servers are installed, one from the source as it is and one from a copy out of which everything is cut that is
counted for metrics, status and advice, in the worker and in the supervisor; the request line and its time stay, for the
log of a hung or dead worker needs them. Both are compiled, as what is installed is. One worker each serves hello-world;
wrk loads them in turn, for a second each, and the CPU clocks are read before and after: what disturbs the machine
disturbs neighbours alike, and the median of their ratios is told. After a few turns both are started anew, for where a
process happens to lie in memory matters as much as what is measured.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tonnage.system.cputime import used_ns

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "12")])
    return [b"hello world\\n"]
"""
START = "import sys; sys.path.insert(0, {!r}); from tonnage.cli.main import main; raise SystemExit(main())"
ROOT = Path(__file__).parents[1]
PARTS = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "src")
COUNTED = {  # what is cut: the functions, and what is left of each
    "workers/counts.py": {"count": "return", "publish": "return"},
    "workers/desk.py": {"_count": "return"},
    "supervisor/observer.py": {"turn": "self.next_at = now + 60.0"},
}
SHARE = 0.03  # what it may cost
PAIRS = 4  # for each start


def install(directory: Path, cut: dict[str, dict[str, str]]) -> Path:
    """A package made of our source, without what is to be cut; where it lies."""
    source, target = directory / "source", directory / "package"
    source.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, source / part)
    for name, functions in cut.items():
        path = source / "src" / "tonnage" / name
        tree = ast.parse(path.read_text())
        found = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name in functions]
        if {each.name for each in found} != set(functions):
            raise SystemExit(f"{name}: {', '.join(functions)} are not all there; see COUNTED in bench/overhead.py")
        for function in found:
            left = ast.parse(f"def cut():\n    {functions[function.name]}").body[0]
            assert isinstance(left, ast.FunctionDef)
            function.body = left.body
        path.write_text(ast.unparse(tree))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(source)]
    subprocess.run(pip, check=True)
    return target


class Server:
    def __init__(self, package: Path, directory: Path) -> None:
        ready, tell = os.pipe()
        options = ["--workers=1", "--log-level=warning", "--no-control-socket", "--bind=127.0.0.1:0"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", START.format(str(package)), "app:app", *options, "--ready-fd", str(tell)],
            cwd=directory, pass_fds=[tell],
        )  # fmt: skip
        os.close(tell)
        with os.fdopen(ready) as pipe:
            self.url = pipe.read().strip()
        pid = self.process.pid
        self.worker = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def costs_us(self) -> tuple[float, float]:
        """Of one request, to the worker and to the supervisor."""
        before = used_ns(self.worker), used_ns(self.process.pid)
        done = subprocess.run(["wrk", "-t1", "-c16", "-d1s", self.url], capture_output=True, text=True, check=True)
        found = re.search(r"(\d+) requests in", done.stdout)
        assert found is not None, done.stdout
        after = used_ns(self.worker), used_ns(self.process.pid)
        return (after[0] - before[0]) / int(found[1]) / 1e3, (after[1] - before[1]) / int(found[1]) / 1e3

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


def pairs(packages: list[Path], directory: Path) -> Iterator[tuple[float, float, float]]:
    """With, of that the supervisor's, and without; from servers that have just been started."""
    with ExitStack() as stack:
        servers = [Server(package, directory) for package in packages]
        for server in servers:
            stack.callback(server.close)
            server.costs_us()
        for turn in range(PAIRS):
            order = servers if turn % 2 else servers[::-1]
            costs = {server: server.costs_us() for server in order}
            (worker, supervisor), bare = costs[servers[0]], costs[servers[1]]
            yield worker + supervisor, supervisor, sum(bare)


def main(starts: int) -> int:
    if shutil.which("wrk") is None:
        print("wrk is not here: apt-get install wrk", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "app.py").write_text(APP)
        packages = [install(directory / "with", {}), install(directory / "without", COUNTED)]
        seen = [each for _ in range(starts) for each in pairs(packages, directory)]
    ratios = sorted(full / bare - 1 for full, _, bare in seen)
    for title, costs in (("with", [each[0] for each in seen]), ("without", [each[2] for each in seen])):
        print(f"{title:8} {statistics.median(costs):6.2f} us of CPU a request, at best {min(costs):.2f}")
    share, quarter = statistics.median(ratios), len(ratios) // 4
    print(
        f"it costs {share:+.1%} (half of the pairs from {ratios[quarter]:+.1%} to {ratios[-1 - quarter]:+.1%}), "
        f"{statistics.median(each[1] / each[0] for each in seen):.1%} of it in the supervisor"
    )
    return 0 if share < SHARE else 1


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 6))
