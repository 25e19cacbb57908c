"""No request waits for a thread: what FastAPI calls for a route is all coroutines."""

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from service.bootstrap import server_app


def in_threads(app: FastAPI) -> set[str]:
    """Return the routes and dependencies that FastAPI would run in a thread each."""
    called = {
        call
        for route in iter_route_contexts(app.routes)
        if (of := getattr(route, "dependant", None))
        for call in calls(of)
    }
    return {str(call) for call in called if not inspect.iscoroutinefunction(inspect.unwrap(_function(call)))}


def _function(call: Callable[..., object]) -> Callable[..., object]:
    return call if inspect.isroutine(call) or inspect.isclass(call) else call.__call__


def calls(dependant: Dependant) -> Iterator[Callable[..., object]]:
    if dependant.call is not None:
        yield dependant.call
    for needed in dependant.dependencies:
        yield from calls(needed)


def test_no_route_and_no_dependency_runs_in_a_thread():
    assert in_threads(server_app()) == set()


def test_a_plain_function_and_a_class_are_found():
    app = FastAPI()

    class Asked:
        pass

    def clock(asked: Annotated[Asked, Depends()]) -> int:
        return 1

    @app.get("/")
    async def show(now: Annotated[int, Depends(clock)]) -> int:
        return now

    assert len(in_threads(app)) == 2
