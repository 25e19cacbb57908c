"""Settings come from the environment, once; a wrong one is one clear line that names it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from models.errors import NotConfigured
from service.settings import Settings, settings, table

NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL", "INTERLOCK_HOME", "INTERLOCK_PORT", "INTERLOCK_POOL_SIZE")


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """Nothing is set, and nothing is remembered."""
    for name in (*NAMES, "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_without_anything_set_there_is_a_home_and_no_external_database(monkeypatch):
    monkeypatch.setenv("HOME", "/home/maria")
    chosen = settings()
    assert chosen.home == Path("/home/maria/.local/share/interlock")
    assert (chosen.database_url, chosen.database_owner_url) == (None, None)
    assert (chosen.port, chosen.pool_size) == (8000, 10)


@pytest.mark.parametrize(
    ("variable", "value", "home"),
    [
        ("XDG_DATA_HOME", "/data", "/data/interlock"),
        ("XDG_DATA_HOME", "relative", "/home/maria/.local/share/interlock"),
        ("INTERLOCK_HOME", "/srv/book", "/srv/book"),
        ("INTERLOCK_HOME", "~/book", "/home/maria/book"),
        ("INTERLOCK_HOME", "", "/home/maria/.local/share/interlock"),
    ],
)
def test_the_home_folder_is_where_one_says(monkeypatch, variable, value, home):
    monkeypatch.setenv("HOME", "/home/maria")
    monkeypatch.setenv(variable, value)
    assert settings().home == Path(home)


def test_a_relative_home_is_below_where_one_stands(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTERLOCK_HOME", "book")
    assert settings().home == tmp_path / "book"


def test_only_our_own_names_are_read(monkeypatch):
    for name in ("HOME_", "PORT", "POOL_SIZE", "INTERLOCK_DATABASE_URL", "INTERLOCK_NONSENSE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("DATABASE_URL", "")
    assert settings().port == 8000
    assert settings().database_url is None


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("INTERLOCK_PORT", "70000", "INTERLOCK_PORT: Input should be less than or equal to 65535."),
        (
            "INTERLOCK_POOL_SIZE",
            "many",
            "INTERLOCK_POOL_SIZE: Input should be a valid integer, unable to parse string as an integer.",
        ),
        ("DATABASE_URL", "mysql://root:secret@db/x", "DATABASE_URL: must begin with postgresql://."),
        ("DATABASE_OWNER_URL", "db", "DATABASE_OWNER_URL: must begin with postgresql://."),
        ("INTERLOCK_HOME", "~no-such-user/x", "INTERLOCK_HOME: there is no home folder; set INTERLOCK_HOME."),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it_and_gives_nothing_away(monkeypatch, variable, value, line):
    monkeypatch.setenv(variable, value)
    with pytest.raises(NotConfigured) as refused:
        settings()
    assert refused.value.detail == line


def test_settings_are_read_once_and_frozen(monkeypatch):
    first = settings()
    monkeypatch.setenv("INTERLOCK_PORT", "9")
    assert settings() is first
    with pytest.raises(ValidationError, match="frozen"):
        first.port = 9


def test_the_page_of_settings_is_the_codes():
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text() == table() + "\n", "run: python -m service.settings > docs/settings.md"
    assert all(field.description for field in Settings.model_fields.values())
