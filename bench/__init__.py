"""Measure Tonnage beside its peers: one machine, one run, the same clients.

Nothing here is a test: no figure fails a build. Reading order: peers (who), cases (what), procedures (how one figure is
taken), rounds (in which order), reach (what was promised), report (what is written down).
"""
