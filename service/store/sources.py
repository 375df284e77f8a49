"""Where the SQL is: inside the package when it was installed, beside it in the repository."""

from __future__ import annotations

from pathlib import Path

_SERVICE = Path(__file__).parents[1]

SQL: Path = _SERVICE / "sql" if (_SERVICE / "sql").is_dir() else _SERVICE.parent / "sql"
