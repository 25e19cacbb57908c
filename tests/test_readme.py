"""What the README shows is what happens."""

import re
from pathlib import Path

import models
import service
import solver

README = Path(__file__).parents[1] / "README.md"


def test_the_python_example_runs(capsys):
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - our own page
    printed = capsys.readouterr().out
    assert "2026-03-02 09:00:00+00:00" not in printed
    assert "2026-03-02 10:15:00+00:00" in printed


def test_the_first_screen_has_both_commands_and_the_picture():
    first_screen = README.read_text().splitlines()[:12]
    assert any("make demo" in line for line in first_screen)
    assert any("make test" in line for line in first_screen)
    picture = re.search(r"\((docs/pictures/[^)]+)\)", "\n".join(first_screen)).group(1)
    assert (README.parent / picture).stat().st_size > 10_000


def test_the_packages_are_the_projects_own():
    root = README.parent
    assert [Path(p.__file__).parents[1] for p in (models, solver, service)] == [root] * 3
