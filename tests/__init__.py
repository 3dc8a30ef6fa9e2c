"""A package, or another distribution's `tests` would be found first (ciw installs one)."""
