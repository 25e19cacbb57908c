"""The migrated schema is the declared one, to the last constraint, policy, trigger and grant."""

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from models.tables import metadata
from service.db.embedded import Server
from service.db.migrate import MIGRATIONS, newest

CATALOGUE = {
    "columns": """
        SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default, is_identity
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
    """,
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    """,
    "policies": "SELECT tablename, policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies",
    "row security": """
        SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
    """,
    "triggers": """
        SELECT tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
        WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace
    """,
    "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "column grants": """
        SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges
        WHERE grantee = 'interlock_app' AND table_schema = 'public'
    """,
    "executing": """
        SELECT routine_name, grantee FROM information_schema.routine_privileges WHERE routine_schema = 'public'
    """,
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "view options": "SELECT relname, reloptions FROM pg_class WHERE relkind = 'v' AND reloptions IS NOT NULL",
    "grants": """
        SELECT table_name, privilege_type FROM information_schema.role_table_grants
        WHERE grantee = 'interlock_app' AND table_schema = 'public'
    """,
}


@pytest.fixture
def declared_url(server: Server, database_name: str):
    name = f"{database_name}_declared"
    with psycopg.connect(server.owner_url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        engine = create_engine(
            server.owner_url(name).replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool
        )
        metadata.create_all(engine)
        engine.dispose()
        yield server.owner_url(name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("kind", CATALOGUE)
def test_migrated_schema_equals_declared(kind: str, owner_url: str, declared_url: str) -> None:
    with psycopg.connect(owner_url) as migrated, psycopg.connect(declared_url) as declared:
        ours, theirs = (sorted(c.execute(CATALOGUE[kind]).fetchall(), key=str) for c in (migrated, declared))
    assert ours == theirs
    assert ours


def test_every_table_forces_row_level_security(owner_url: str) -> None:
    with psycopg.connect(owner_url) as connection:
        loose = connection.execute(
            "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
            "AND relname <> 'alembic_version' AND NOT (relrowsecurity AND relforcerowsecurity "
            "AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid))"
        ).fetchall()
    assert loose == []


def test_the_app_owns_nothing_and_bypasses_nothing(app_url: str) -> None:
    with psycopg.connect(app_url) as connection:
        role = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        owned = connection.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole").fetchone()
    assert role == (False, False, False, False)
    assert owned == (0,)


def test_the_newest_revision_by_name_is_the_only_head(owner_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [newest()]
    with psycopg.connect(owner_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (newest(),)
