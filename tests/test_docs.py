"""What the pages and docstrings name is there: files, headings, modules, settings, metrics, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from service.commands.group import SECTIONS
from service.domain.status import Code
from service.settings.variables import VARIABLES
from tests.deployment.test_monitoring import exported

NO_SETTINGS = re.compile(r"TIEOUT_(TEST_\w+|SIMULATION_SEED)")
NO_METRICS = {"tieout_app"}

_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PATH = re.compile(
    r"`((?:\.ci|benchmarks|channels|commands|docs|domain|helm|hub|service|sql|store|tests|web|workers)/[\w./-]+)`"
)
_FILE = re.compile(r"`([\w-]+\.(?:lock|md|py|sql|toml|yaml))`")
_NAME = re.compile(r"`(?:service\.)?((?:channels|domain|hub|store|workers)(?:\.\w+)+)")


def pages(project: Path) -> Iterator[Path]:
    """Every page that people read."""
    yield from sorted(project.glob("*.md"))
    yield from sorted((project / "docs").rglob("*.md"))


def texts(project: Path) -> Iterator[tuple[str, str]]:
    """Pages and code, each with its place; the changelog may name what has gone since."""
    code = (each for folder in ("service", "sql") for each in (project / folder).rglob("*.*"))
    for path in [*pages(project), *sorted(code)]:
        if path.suffix in {".md", ".py", ".sql", ".toml"} and path.name != "CHANGELOG.md":
            yield str(path.relative_to(project)), path.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """What a link may name in a page: its headings, in the spelling of those who show it."""
    headings = (_HEADING.findall(page.read_text(encoding="utf-8"))) if page.suffix == ".md" else []
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere(project: Path) -> None:
    """Each link within the project leads to a file, and to a heading of it where it names one."""
    seen = 0
    for page in pages(project):
        for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
            found = page.parent / target if target else page
            assert found.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(found), f"{page.name}: {target}#{anchor}"
            seen += 1
    assert seen > 10


def test_files_that_are_named_exist(project: Path) -> None:
    """A file or folder that is named is there, from the top or from `service`."""
    names = {path.name for path in project.rglob("*.*") if ".venv" not in path.parts}
    for place, text in texts(project):
        for named in _PATH.findall(text):
            near = (project / named, project / "service" / named, project / "service" / f"{named}.py")
            assert any(path.exists() for path in near), f"{place}: {named}"
        for named in _FILE.findall(text):
            assert named in names, f"{place}: {named}"


def test_modules_that_are_named_exist(project: Path) -> None:
    """A name with dots is a module of ours, or something that stands in one."""
    seen = 0
    for place, text in texts(project):
        for named in _NAME.findall(text):
            path, parts = project / "service", named.split(".")
            while parts and (path / parts[0]).is_dir():
                path /= parts.pop(0)
            if parts:
                module = (path / parts.pop(0)).with_suffix(".py")
                assert module.exists(), f"{place}: {named}"
                assert not parts or re.search(rf"\b{parts[0]}\b", module.read_text()), f"{place}: {named}"
            seen += 1
    assert seen > 10


def test_settings_and_metrics_that_are_named_exist(project: Path) -> None:
    """Pages name settings and metrics as they are spelled."""
    settings = {variable.name for variable in VARIABLES}
    for page in pages(project):
        text = page.read_text(encoding="utf-8")
        named = {name for name in re.findall(r"\bTIEOUT_[A-Z_]+", text) if not NO_SETTINGS.fullmatch(name)}
        assert named <= settings, f"{page.name}: {named - settings}"
        metrics = set(re.findall(r"\btieout_[a-z_]+", text)) - NO_METRICS
        assert metrics <= exported(), f"{page.name}: {metrics - exported()}"


def test_readme_lists_every_command(project: Path) -> None:
    """The table of commands has each of them, and no other."""
    table = (project / "README.md").read_text().split("\n## Commands\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`tieout .*?) \|", table, re.MULTILINE)
    listed = re.findall(r"`(?:tieout )?([a-z]+)", " ".join(cells))
    commands = {entry.name for _title, entries in SECTIONS for entry in entries}
    assert set(listed) - {"list", "revoke"} == commands


def test_readme_tells_how_to_upgrade(project: Path) -> None:
    """It names a way up that waits for as long as migrations may take, and back, by values that there are."""
    told = (project / "README.md").read_text().split("**Kubernetes**")[1].split("\n## ")[0]
    values = yaml.safe_load((project / "helm" / "values.yaml").read_text())
    [upgrade] = re.findall(r"^    helm upgrade .+$", told, re.MULTILINE)
    [minutes] = re.findall(r"--timeout (\d+)m", upgrade)
    assert int(minutes) * 60 >= values["migrate"]["deadlineSeconds"]
    assert "--reset-then-reuse-values" in upgrade, "what was set before is kept, and so are new defaults"
    assert "helm rollback" in told
    for named in re.findall(r"(?:--set |,)([a-z]+(?:\.\w+)+)", told):
        found = values
        for part in named.split("."):
            assert part in found, named
            found = found[part]


def test_every_reason_of_the_status_is_explained(project: Path) -> None:
    """Each code that `/status` gives stands in the runbook, with what it means and what to do."""
    table = (project / "docs" / "runbook.md").read_text().split("\n## Reasons of `/status`\n")[1]
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+) \| (.+) \|$", table.split("\n## ")[0], re.MULTILINE)
    assert sorted(code for code, _, _ in rows) == sorted(Code)
