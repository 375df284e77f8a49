"""Measuring work in a process of its own: how long it took, and the most memory that it held.

The work is a command, so that neither what the benchmark has imported nor what an earlier measurement left
behind counts. Its last line of output is its answer, as JSON; what it says of its own time is its business.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024
"""The unit in which the system tells the peak of a child."""


@dataclass(frozen=True, slots=True)
class Apart:
    """What a process came to."""

    seconds: float
    peak_bytes: int
    answer: Any


class Failed(Exception):  # noqa: N818 - names what is the case
    """The process ended badly; its words are the message."""


def run_apart(arguments: Sequence[str], *, timeout_seconds: float = 600) -> Apart:
    """Run this Python with the arguments, and measure the process from its start to its end."""
    began = perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said, complaint = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failed(f"it took longer than {timeout_seconds:g} s") from None
    taken = perf_counter() - began
    if process.returncode:
        raise Failed((complaint.strip().splitlines() or [f"exit {process.returncode}"])[-1])
    lines = said.strip().splitlines()
    answer = json.loads(lines[-1]) if lines else None
    peak = answer.pop("peak_bytes", 0) if isinstance(answer, dict) else 0
    return Apart(seconds=taken, peak_bytes=peak, answer=answer)


def peak_bytes() -> int:
    """Return the most memory that this very process has held so far."""
    import resource  # noqa: PLC0415 - Windows has none, and may still read reports

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_UNIT


def answer(**told: object) -> None:
    """Say the answer of a process that is measured, with the memory that it held."""
    os.write(1, (json.dumps({**told, "peak_bytes": peak_bytes()}) + "\n").encode())
