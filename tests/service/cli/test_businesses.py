"""`interlock business`: a file becomes a business that sells, or nothing at all."""

import json
from pathlib import Path

import pytest

from models.errors import InvalidInput
from service.cli.description import read
from service.commands.catalogue import Span
from tests.service.cli.test_commands import interlock  # noqa: F401 - a fixture

EXAMPLE = Path(__file__).parents[3] / "examples" / "salon.toml"
pytestmark = pytest.mark.anyio


async def test_the_example_is_opened_shown_and_sells(interlock):  # noqa: F811
    opened = interlock("business", "open", str(EXAMPLE))
    assert (opened.stderr, opened.stdout.splitlines()[0]) == ("", "opened Salon Aurora: 2 staff, 2 services")
    shown = json.loads(interlock("business", "show", "-b", "aurora", "--json").stdout)
    assert [service["name"] for service in shown["services"]] == ["Colour", "Cut"]
    assert [member["name"] for member in shown["staff"]] == ["Ana", "Ben"]
    assert json.loads(interlock("slots", "-b", "aurora", "-s", "Cut", "--limit", "1", "--json").stdout)
    again = interlock("business", "open", str(EXAMPLE))
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)


def test_hours_as_people_write_them(tmp_path):
    file = tmp_path / "bar.toml"
    head = 'name = "Bar"\nslug = "bar"\nzone = "UTC"\n'
    file.write_text(head + '[[staff]]\nname = "Noa"\nhours = ["Sat-Sun 20:00-02:00", "Fri 09:00-12:00"]\n')
    opening, country = read(file)
    assert (opening.staff[0].hours, country) == ((Span(5, 1200, 1560), Span(6, 1200, 1560), Span(4, 540, 720)), None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "is no TOML"),
        ("", "name: Field required"),
        ("chairs = 3", "chairs: Extra inputs"),
        ('[[staff]]\nname = "A"\nhours = ["Someday 9-5"]', "are no hours"),
        ('[[staff]]\nname = "A"\nhours = ["Mon 09:00-09:00"]', "is no span of a day"),
        ('[[services]]\nname = "S"\nduration = "30"', "services.0.duration"),
        ('[[services]]\nname = "S"\nduration = 30\nstaff = ["Zoe"]', "who is not among the staff"),
        ('[[staff]]\nname = "A"\n[[staff]]\nname = "A"', "stands twice"),
    ],
)
def test_what_is_not_valid_names_the_place(tmp_path, text, said):
    file = tmp_path / "wrong.toml"
    head = "" if text in {"", "name = "} else 'name = "W"\nslug = "w"\nzone = "UTC"\n'
    file.write_text(head + text)
    with pytest.raises(InvalidInput, match=said):
        read(file)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path / "nowhere.toml")
