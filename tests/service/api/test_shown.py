"""No route goes untested: each operation names the test that shows it, in a table SHOWN of one of these modules."""

from importlib import import_module
from pathlib import Path

from service.bootstrap import server_app

HERE = Path(__file__).parent


def test_every_operation_is_shown_by_a_test():
    shown: dict[str, str] = {}
    for path in sorted(HERE.glob("test_*.py")):
        module = import_module(f"tests.service.api.{path.stem}")
        table = getattr(module, "SHOWN", {})
        assert [name for name in table.values() if not hasattr(module, name)] == []
        shown |= table
    paths = server_app().openapi()["paths"].values()
    assert {operation["operationId"] for path in paths for operation in path.values()} == shown.keys()
