"""The stage of the demo: what it needs of the machine, and what it says where that is not there."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service import embedded
from service.commands.ports import free_port
from service.commands.subscriptions import OBJECT_TYPES
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


class Other(BaseHTTPRequestHandler):
    """The service of another demo, which is ready and does not know our key."""

    def do_GET(self) -> None:
        """Answer as it would."""
        self.send_response(HTTPStatus.OK if self.path == "/readyz" else HTTPStatus.UNAUTHORIZED)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - inherited
        """Say nothing."""


class Late(Narrator):
    """Has another demo's service listen when ours is about to start."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self.other: ThreadingHTTPServer | None = None

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Take the port just before it would be listened on."""
        if text == "starting the service" and self.other is None:
            self.other = ThreadingHTTPServer(("127.0.0.1", self._port), Other)
            threading.Thread(target=self.other.serve_forever, daemon=True).start()
        yield


@pytest.mark.timeout(400)
def test_a_port_that_is_taken_meanwhile_is_left_to_who_took_it(tmp_path: Path) -> None:
    """When another demo listens first, its answers are not taken for ours, and ours takes another port."""
    port = free_port("127.0.0.1", 0)
    narrator = Late(port)
    try:
        with set_stage(narrator, port=port, data_dir=tmp_path / "data", ending=Ending()) as stage:
            assert stage.url != f"http://127.0.0.1:{port}"
            assert stage.api.status()["version"]
            posted = stage.world.ask("requests")["requests"]
        asked = [each["method"] for each in posted if "webhook-subscriptions" in each["path"]]
        assert asked.count("POST") == 2 * asked.count("DELETE") == 2 * len(OBJECT_TYPES)
    finally:
        assert narrator.other is not None
        narrator.other.shutdown()
        narrator.other.server_close()


def test_a_folder_that_cannot_be_used_is_told_with_the_option(tmp_path: Path) -> None:
    """Trouble with the demo's folder names the option, not a setting that the demo does not read."""
    with pytest.raises(TieoutError, match=r"cannot be written .*--data-dir"):
        Process("the service", ["serve"], tmp_path / "gone" / "service.log", {})
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=r"cannot be used .*--data-dir"):
        embedded.start(tmp_path / "file", chosen_by="--data-dir").open()
