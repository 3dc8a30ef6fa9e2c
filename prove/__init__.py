"""Shows that no client notices: an open-loop load runs while a server is reloaded, killed, upgraded, stopped.

    scenarios (data) ── show.run ──> server (a peer, in its own session)  <── nginx
                            └──────> load ── its own process ──> client   ──┘ TCP, Unix socket
                            └──────> results ──> docs/explanation/reliability.md

`scripts/prove` runs them all, long; tests/live/test_reliability_*.py run the same ones, short, without judging time.
"""
