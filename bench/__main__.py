"""`python -m bench`: options in, tables out."""

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import machine, report
from .cases import CASES, Case, Interface
from .peers import PEERS, Peer
from .results import Results
from .rounds import run
from .server import Bench

PAGES = machine.ROOT / "docs" / "explanation"
DRAFTS = machine.ROOT / "build" / "bench"
SITE = machine.ROOT / "examples" / "site"
APPS = Path(__file__).with_name("apps")
FILES = 16_384  # 5,000 connections have two ends, and servers keep some in reserve


def main() -> int:
    options = _options()
    if options.render:
        report.write(Results.load(options.render), options.out or PAGES)
        return 0
    if problem := _unfit():
        print(f"scripts/bench: {problem}", file=sys.stderr)
        return 1
    cases = [case for case in CASES if {case.name, case.interface} & {*options.case}] or list(CASES)
    peers = [peer for peer in PEERS if any(word in peer.name for word in options.peer)] or list(PEERS)
    results = Results(machine.about(options.rounds, options.seconds, options.idle), machine.versions(PEERS))
    whole = _measure(options, cases, peers, results)
    out = options.out or (PAGES if whole and len(cases) == len(CASES) and len(peers) == len(PEERS) else DRAFTS)
    report.write(results, out)
    print(report.summary(results))
    print(f"\nWritten to {out.relative_to(machine.ROOT) if out.is_relative_to(machine.ROOT) else out}", file=sys.stderr)
    return 0


def _measure(options: argparse.Namespace, cases: Sequence[Case], peers: Sequence[Peer], results: Results) -> bool:
    """Whether nothing was left out."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this run ends its server too
    with tempfile.TemporaryDirectory(prefix="tonnage-bench-") as scratch:
        try:
            bench = _bench(options, cases, Path(scratch))
            for case in cases:
                run(case, peers, options.rounds, bench, results)
                report.write(results, DRAFTS)  # a run takes more than an hour: what is done is done
        except KeyboardInterrupt:
            print("scripts/bench: stopped before the end", file=sys.stderr)
            return False
    return not options.quick


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/bench", description="Measure Tonnage beside its peers.")
    names = [*Interface, *(case.name for case in CASES)]
    parser.add_argument("--case", action="append", default=[], choices=names, help="only this, or all of an interface")
    parser.add_argument("--peer", action="append", default=[], help="only servers whose name has this word")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of load for one figure")
    parser.add_argument("--idle", type=int, default=5000, help="idle connections")
    parser.add_argument("--quick", action="store_true", help="one round of one second: to see that everything works")
    parser.add_argument("--out", type=Path, help="folder; default docs/explanation for a whole run, else build/bench")
    parser.add_argument("--render", type=Path, metavar="JSON", help="only write the page again, from these results")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    return options


def _unfit() -> str:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, max(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    if len(os.sched_getaffinity(0)) < 2:
        return "needs two cores: one for the server, one for its clients"
    missing = [command for command in ("wrk", "taskset") if not shutil.which(command)]
    return f"needs {' and '.join(missing)}; on Debian: apt-get install wrk util-linux" if missing else ""


def _bench(options: argparse.Namespace, cases: Sequence[Case], scratch: Path) -> Bench:
    server_core, load_core = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {load_core})
    environ = dict(os.environ) | {
        "HOME": str(scratch),  # some leave a control socket there
        "PYTHONPATH": os.pathsep.join(filter(None, [str(APPS), str(SITE), os.environ.get("PYTHONPATH")])),
        "DATABASE_URL": f"sqlite:///{scratch / 'db.sqlite3'}",
        "PYTHONDONTWRITEBYTECODE": "",
    }
    subprocess.run([sys.executable, SITE / "manage.py", "migrate", "-v", "0"], env=environ, check=True)
    answers = {(case.app, case.path): _answer(case, environ) for case in cases if not case.is_websocket}
    return Bench(server_core, load_core, options.seconds, options.idle, environ, scratch, answers)


def _answer(case: Case, environ: dict[str, str]) -> bytes:
    command = [sys.executable, "-m", "bench.reference", case.interface, case.app, case.path, str(case.content)]
    return subprocess.run(command, env=environ, cwd=machine.ROOT, stdout=subprocess.PIPE, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
