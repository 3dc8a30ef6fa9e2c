from __future__ import annotations

from dataclasses import dataclass

from tonnage.config.kinds import COUNT, SECONDS
from tonnage.config.setting import at_least, setting


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Capacity."""

    database_connections: int = setting(
        0,
        "--database-connections",
        kind=COUNT,
        check=at_least(0),
        meaning="How many database connections all workers together may open; 0 is not known. With it the advice can "
        "tell that more workers would be refused by the database.",
        why="Only the database knows, and the server does not ask it; `tonnage plan` does.",
    )
    oversized_after: float = setting(
        1800.0,
        "--oversized-after",
        kind=SECONDS,
        meaning="After so many seconds in which only a part of the workers was needed the advice says how many would "
        "do; 0 never does.",
        why="Half an hour holds the peaks of most sites; a site with one peak a day needs a day.",
    )
