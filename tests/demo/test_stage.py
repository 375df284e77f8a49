"""The stage of the demo: what it needs of the machine, and what it says where that is not there."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from service import embedded
from service.demo.ending import Ending
from service.demo.narrator import Narrator
from service.demo.processes import Process
from service.demo.stage import set_stage
from service.errors import EmbeddedPostgresError, TieoutError


def set_up(data_dir: Path | None) -> None:
    """Set the stage, and take it down again."""
    with set_stage(Narrator(), port=1, data_dir=data_dir, ending=Ending()):
        pass


def test_no_place_for_temporary_files_is_told_with_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where none can be written, as in a read-only container, the option that helps is named."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(TieoutError, match="--data-dir") as caught:
        set_up(None)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_used_is_told_with_the_option(tmp_path: Path) -> None:
    """Trouble with the demo's folder names the option, not a setting that the demo does not read."""
    with pytest.raises(TieoutError, match=r"cannot be written .*--data-dir"):
        Process("the service", ["serve"], tmp_path / "gone" / "service.log", {})
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=r"cannot be used .*--data-dir"):
        embedded.start(tmp_path / "file", chosen_by="--data-dir").open()
