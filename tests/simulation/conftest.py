"""Databases for simulations, which run in loops of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count

import pytest

from tests.conftest import command, copy_database, run_aside, with_database

Databases = Callable[[], AbstractContextManager[str]]

_numbers = count()


@pytest.fixture
def databases(postgres_url: str, template_name: str) -> Databases:
    """Makes fresh, migrated databases, each gone when its block ends."""

    @contextmanager
    def fresh() -> Iterator[str]:
        name = f"tieout_simulation_{os.getpid()}_{next(_numbers)}"
        run_aside(copy_database(postgres_url, template_name, name))
        try:
            yield with_database(postgres_url, name)
        finally:
            run_aside(command(postgres_url, f"DROP DATABASE {name} WITH (FORCE)"))

    return fresh
