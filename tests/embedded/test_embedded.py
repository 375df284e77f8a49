"""The embedded Postgres: one server per data folder, there as long as somebody needs it."""

from __future__ import annotations

import asyncio
import gc
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service import embedded
from service.embedded import binaries, cluster
from service.embedded.account import choose, process_options
from service.errors import EmbeddedPostgresError

DEADLINE_SECONDS = 20.0
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

PACKAGES = [str(Path(__file__).parents[2]), sysconfig.get_path("purelib")]
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(PACKAGES), "PATH": os.defpath}

# Another process that uses the server until its input ends; tells the address once it is there.
USER_PROGRAM = """
import sys
from pathlib import Path
from service import embedded
with embedded.start(Path(sys.argv[1]), is_durable=False) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that another process brings about."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def postmaster(data_dir: Path) -> int:
    """The process that serves a data folder."""
    return int((data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def is_alive(process_id: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return not Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].startswith(" Z")
    except FileNotFoundError:
        return False


@contextmanager
def user_process(
    data_dir: Path, python: str = sys.executable, **options: Any
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that uses the server of a data folder; gives it and the address it got."""
    with subprocess.Popen(
        [python, "-c", USER_PROGRAM, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        **options,
    ) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


async def ask(url: str, question: str) -> Any:
    """Ask the server one question."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_it_serves_and_stops(tmp_path: Path) -> None:
    """A server is there inside the block, with our database and password, and gone after it."""
    async with embedded.start(tmp_path, is_durable=False) as server:
        assert await ask(server.url, "select current_database() || '-' || current_user") == "tieout-tieout"
        assert await ask(
            server.url, "select datcollate || datlocale from pg_database where datname = 'tieout'"
        )
        process_id = postmaster(tmp_path)
    assert not is_alive(process_id)


async def test_data_survives_restarts(tmp_path: Path) -> None:
    """What was written before a stop is read after the next start, with the same password."""
    async with embedded.start(tmp_path) as server:
        await ask(server.url, "create table kept as select 42 as answer")
    async with embedded.start(tmp_path) as server:
        assert await ask(server.url, "select answer from kept") == 42


async def test_the_password_is_needed_and_private(tmp_path: Path) -> None:
    """Nobody gets in without the password, which only the folder's owner can read."""
    async with embedded.start(tmp_path, is_durable=False) as server:
        password = cluster.read_password(tmp_path / "postgres")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(server.url.replace(password, "guess"))
        assert (tmp_path / "postgres" / "password").stat().st_mode & 0o077 == 0
        assert (tmp_path / "postgres").stat().st_mode & 0o077 == 0


def test_killing_its_only_user_stops_it(tmp_path: Path) -> None:
    """Postgres stops by itself after `kill -9` of the process that started it, and the next start works."""
    with user_process(tmp_path) as (process, _url):
        process_id = postmaster(tmp_path)
        process.send_signal(signal.SIGKILL)
        wait_until(lambda: not is_alive(process_id))
    with embedded.start(tmp_path, is_durable=False) as server:
        assert server.url


async def test_two_users_share_one_server(tmp_path: Path) -> None:
    """A second process joins the running server, which outlives the first, even one killed by `kill -9`."""
    with user_process(tmp_path) as (process, url):
        process_id = postmaster(tmp_path)
        async with embedded.start(tmp_path) as server:
            assert server.url == url
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert await ask(server.url, "select 1") == 1
            assert postmaster(tmp_path) == process_id
    assert not is_alive(process_id)


async def test_starts_at_the_same_moment(tmp_path: Path) -> None:
    """Six starts at once on a folder that does not exist yet end up with one and the same server."""
    servers = [embedded.start(tmp_path / "new", is_durable=False) for _ in range(6)]
    await asyncio.gather(*(server.__aenter__() for server in servers))
    assert len({server.url for server in servers}) == 1
    assert await ask(servers[0].url, "select 1") == 1
    await asyncio.gather(*(server.__aexit__() for server in servers))
    assert not (tmp_path / "new" / "postgres" / "server.json").exists()


async def test_a_dead_server_comes_back(tmp_path: Path) -> None:
    """When Postgres itself is killed, the watcher starts it again under the same address, with its data."""
    async with embedded.start(tmp_path) as server:
        await ask(server.url, "create table kept as select 42 as answer")
        process_id = postmaster(tmp_path)
        os.kill(process_id, signal.SIGKILL)
        answer = None
        deadline = time.monotonic() + DEADLINE_SECONDS
        while answer is None and time.monotonic() < deadline:
            try:
                answer = await ask(server.url, "select answer from kept")
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.02)
        assert answer == 42
        assert postmaster(tmp_path) != process_id


def watchers(data_dir: Path) -> list[int]:
    """The watchers of a data folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"watcher.py" in arguments and str(data_dir).encode() in arguments:
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells of a parent's death on Linux alone")
def test_a_server_without_watcher_does_not_stay(tmp_path: Path) -> None:
    """When even the watcher is killed, Postgres stops, and the next start works."""
    with embedded.start(tmp_path, is_durable=False):
        process_id = postmaster(tmp_path)
        (watcher,) = watchers(tmp_path)
        os.kill(watcher, signal.SIGKILL)
        wait_until(lambda: not is_alive(process_id))
        with embedded.start(tmp_path, is_durable=False) as server:
            assert postmaster(tmp_path) != process_id
            assert server.url


def test_a_signal_to_the_group_leaves_it_to_its_users(tmp_path: Path) -> None:
    """The watcher outlasts polite signals: a service manager sends them to everybody at once."""
    with embedded.start(tmp_path, is_durable=False) as server:
        (watcher,) = watchers(tmp_path)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(watcher, number)
        assert asyncio.run(ask(server.url, "select 1")) == 1
        assert watchers(tmp_path) == [watcher]


def make(data_dir: Path) -> Path:
    """Make a data folder and stop its server; gives Postgres' own folder."""
    with embedded.start(data_dir, is_durable=False):
        pass
    return data_dir / "postgres" / "data"


def test_a_stale_claim_is_dropped(tmp_path: Path) -> None:
    """A claim left behind, whose number some other process bears by now, does not keep it from starting."""
    data = make(tmp_path)
    # Of the same user, or Postgres itself would see that it cannot be another Postgres of ours.
    with subprocess.Popen(["/bin/sleep", "60"], **process_options(choose(data))) as other:
        (data / "postmaster.pid").write_text(f"{other.pid}\n{data}\n1\n5432\n\n127.0.0.1\n1 1\nready\n")
        try:
            with embedded.start(tmp_path, is_durable=False) as server:
                assert asyncio.run(ask(server.url, "select 1")) == 1
            assert other.poll() is None
        finally:
            other.kill()


def test_a_half_made_folder_gets_a_remedy(tmp_path: Path) -> None:
    """A data folder with its heart missing is told in one line, with what to do."""
    data = make(tmp_path)
    (data / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedPostgresError, match="no complete Postgres data folder; restore") as caught:
        make(tmp_path)
    assert "\n" not in str(caught.value)


def test_another_version_gets_a_remedy(tmp_path: Path) -> None:
    """A data folder of another version of Postgres is told by both versions."""
    data = make(tmp_path)
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedPostgresError, match="made by Postgres 16, and this release brings 18"):
        make(tmp_path)


def test_a_missing_password_gets_a_remedy(tmp_path: Path) -> None:
    """Without the password file there is no way in, which is told before anything starts."""
    make(tmp_path)
    (tmp_path / "postgres" / "password").unlink()
    with pytest.raises(EmbeddedPostgresError, match="password is missing"):
        make(tmp_path)


def test_a_start_that_was_killed_leaves_no_trouble(tmp_path: Path) -> None:
    """What a start left half-made under another name is cleared away by the next one."""
    (tmp_path / "postgres" / "making-0123" / "data").mkdir(parents=True)
    data = make(tmp_path)
    assert (data / "PG_VERSION").exists()
    assert not (tmp_path / "postgres" / "making-0123").exists()


async def test_a_start_broken_off_leaves_no_error_behind(tmp_path: Path) -> None:
    """Whoever breaks off a start that fails meanwhile is told of neither by asyncio."""
    (tmp_path / "file").touch()
    told: list[Mapping[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    starting = asyncio.create_task(embedded.start(tmp_path / "file" / "data").__aenter__())
    await asyncio.sleep(0)  # it has begun, and cannot have ended
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    del starting
    await asyncio.sleep(0)  # the loop lets go of it
    gc.collect()
    assert told == []


def command(project: Path, folder: Path, data_dir: Path) -> subprocess.Popen[str]:
    """A command of ours that needs the database, alone in a group as a terminal has it."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "service", "status"],
        cwd=folder,
        env={**ENVIRONMENT, "PYTHONPATH": str(project), "TIEOUT_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_interrupted_at_the_first_start_it_ends_quietly(project: Path, tmp_path: Path) -> None:
    """Ctrl-C, which reaches all of the terminal's group, while the data folder is made: 130, no word."""
    data_dir = tmp_path / "data"
    with command(project, tmp_path, data_dir) as process:
        wait_until(lambda: any(data_dir.glob("postgres/making-*/data")))
        os.killpg(process.pid, signal.SIGINT)
        told, _ = process.communicate(timeout=3 * DEADLINE_SECONDS)
    assert (process.returncode, told.strip()) == (130, "")


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """What Postgres itself complains about reaches the person, in one line."""
    with pytest.raises(EmbeddedPostgresError, match=r"does not start: .*no_such_setting") as caught:
        embedded.start(tmp_path, settings={"no_such_setting": "1"}).open()
    assert "\n" not in str(caught.value)


def test_a_user_without_a_name_gets_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres makes no data folder for a user that the system does not know; one that is made does."""
    unnamed: dict[int, pwd.struct_passwd] = {}
    monkeypatch.setattr(pwd, "getpwuid", unnamed.__getitem__)
    with pytest.raises(EmbeddedPostgresError, match=r"has no name .* set TIEOUT_DATABASE_URL") as caught:
        make(tmp_path)
    assert "initdb" not in str(caught.value)
    assert list((tmp_path / "postgres").glob("making-*")) == []
    monkeypatch.undo()
    make(tmp_path)
    monkeypatch.setattr(pwd, "getpwuid", unnamed.__getitem__)
    make(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A data folder below a file is told with the setting that chooses another."""
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match="TIEOUT_DATA_DIR"):
        embedded.start(tmp_path / "file" / "data").open()


def test_a_long_path_is_no_trouble(tmp_path: Path) -> None:
    """A data folder whose path no Unix socket could have works like any other."""
    with embedded.start(tmp_path / ("d" * 120), is_durable=False) as server:
        assert asyncio.run(ask(server.url, "select 1")) == 1


def test_nothing_of_ours_reaches_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres' environment holds none of our variables, where the hub's credentials would be."""
    monkeypatch.setenv("TIEOUT_HUB_CLIENT_SECRET", "canary")
    with embedded.start(tmp_path, is_durable=False):
        assert b"canary" not in Path(f"/proc/{postmaster(tmp_path)}/environ").read_bytes()


@AS_ROOT
def test_as_root_it_runs_as_somebody_else(tmp_path: Path) -> None:
    """Started by root, in a folder that only root can enter, Postgres runs as an unprivileged user."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with embedded.start(private, is_durable=False) as server:
        account = choose(private / "postgres" / "data")
        assert account
        assert Path(f"/proc/{postmaster(private)}").stat().st_uid == account.uid
        assert asyncio.run(ask(server.url, "select 1")) == 1
    assert private.stat().st_mode & 0o777 == 0o700


@AS_ROOT
def test_programs_in_a_private_home_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that the unprivileged user cannot reach are copied to where it can, once."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    programs = binaries.find(None)
    package = programs.parents[1]
    shutil.copytree(package / "pginstall18", home / package.name / "pginstall18")
    shutil.copytree(package.with_name(f"{package.name}.libs"), home / f"{package.name}.libs")
    (home / package.name / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(home))
    # pytest's own folders are private to root.
    cache = Path(tempfile.mkdtemp(prefix="tieout-test-", dir="/var/tmp"))
    cache.chmod(0o755)
    monkeypatch.setattr(binaries, "CACHES", (cache,))
    try:
        account = choose(tmp_path / "nothing")
        found = binaries.find(account)
        assert found.is_relative_to(cache)
        assert binaries.find(account) == found
        with embedded.start(tmp_path / "data", is_durable=False) as server:
            assert asyncio.run(ask(server.url, "select 1")) == 1
    finally:
        shutil.rmtree(cache)


@pytest.fixture
def ordinary() -> Iterator[tuple[Mapping[str, Any], Path]]:
    """How to start a process as an ordinary user, and that user's private home."""
    entry = pwd.getpwnam("nobody")
    options: dict[str, Any] = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}
    # The interpreter that runs us may lie in root's private home, where nobody else can start it.
    for python in (sys.executable, shutil.which("python3", path=os.defpath)):
        try:
            command = [python or "", "-c", "import service.embedded"]
            subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT, **options)
        except (OSError, subprocess.CalledProcessError):
            continue
        options["python"] = python
        break
    else:
        pytest.skip("an ordinary user can reach no Python 3.11 or this folder")
    home = Path(tempfile.mkdtemp(prefix="tieout-test-", dir="/var/tmp"))  # pytest's own are private to root
    os.chown(home, entry.pw_uid, entry.pw_gid)
    yield options, home
    wait_until(lambda: not watchers(home))
    shutil.rmtree(home)


@AS_ROOT
def test_an_ordinary_user_starts_it_and_root_joins(ordinary: tuple[Mapping[str, Any], Path]) -> None:
    """An ordinary user runs Postgres as itself in a private home; root may share it, and start it later."""
    options, home = ordinary
    data_dir = home / "data"
    with user_process(data_dir, **options) as (process, url):
        assert url.startswith("postgresql://")
        assert Path(f"/proc/{postmaster(data_dir)}").stat().st_uid == options["user"]
        with embedded.start(data_dir) as server:
            assert server.url == url
        process.kill()
    with embedded.start(data_dir, is_durable=False):
        assert Path(f"/proc/{postmaster(data_dir)}").stat().st_uid == options["user"]
    with user_process(data_dir, **options) as (_process, url):
        assert url.startswith("postgresql://")


@AS_ROOT
def test_a_folder_of_somebody_else_gets_a_remedy(
    tmp_path: Path, ordinary: tuple[Mapping[str, Any], Path]
) -> None:
    """An ordinary user who is pointed at another's folder is told so."""
    options, _home = ordinary
    with user_process(tmp_path, **options, stderr=subprocess.PIPE) as (process, url):
        _, complaint = process.communicate()
    assert url == ""
    assert "belongs to another user" in complaint
