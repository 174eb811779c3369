"""The README's promises: its settings, commands, targets and links exist."""

import re
import runpy
from pathlib import Path

import pytest
from typer.main import get_command

from streamapp.cli import app
from streamapp.contracts.settings import Settings, variable
from streamapp.contracts.topics import topics

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "streamapp/transport/README.md",
    ROOT / "data/README.md",
    ROOT / "redpanda/README.md",
    ROOT / "deploy/README.md",
]
PAGES += sorted((ROOT / "docs").rglob("*.md"))


def test_the_table_of_settings_is_the_settings() -> None:
    render = runpy.run_path(str(ROOT / "docs/render.py"))
    text = (ROOT / "README.md").read_text()
    assert render["rendered"](text) == text, "run make docs"
    assert all(f"`{variable(name)}`" in text for name in Settings.model_fields)


def test_the_table_of_topics_is_the_contracts() -> None:
    render = runpy.run_path(str(ROOT / "docs/render.py"))
    text = render["TOPICS"].read_text()
    assert render["rendered"](text) == text, "run make docs"
    assert all(f"| `{topic.name}` |" in text for topic in topics(Settings.model_construct()))


def test_the_page_of_problems_is_what_the_edge_tells() -> None:
    render = runpy.run_path(str(ROOT / "docs/render.py"))
    assert (ROOT / "docs/problems.md").read_text() == render["problem_pages"].markdown(), "run make docs"


def test_the_tables_of_metrics_are_the_metrics() -> None:
    render = runpy.run_path(str(ROOT / "docs/render.py"))
    text = (ROOT / "docs/metrics.md").read_text()
    assert render["rendered"](text) == text, "run make docs"
    assert all(f"`{one.name}`" in text for part in render["PARTS"].values() for one in part.described)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_targets_exist(page: Path) -> None:
    text = page.read_text()
    code = "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text))
    commands = set(re.findall(r"^streamapp ([a-z]+)", code, re.MULTILINE))
    targets = set(re.findall(r"^make ([a-z]+)", code, re.MULTILINE))
    assert commands <= set(get_command(app).commands)  # type: ignore[attr-defined]  # a group
    assert targets <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
