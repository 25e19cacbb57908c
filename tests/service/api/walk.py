"""Every operation of the OpenAPI document as a request, so that a new route cannot be forgotten."""

import re
from dataclasses import dataclass
from uuid import uuid4

import httpx
from fastapi import FastAPI


@dataclass(frozen=True)
class Operation:
    """One operation: its id, its method, and its address with the business in place."""

    id: str
    method: str
    address: str
    takes_json: bool

    async def ask(self, api: httpx.AsyncClient, **headers: str) -> httpx.Response:
        """Send it with ids that are nobody's, a version that nothing has, and an empty body."""
        body = {"json": {}} if self.takes_json else {}
        return await api.request(self.method, self.address, headers={"If-Match": '"999999999"', **headers}, **body)


def operations(app: FastAPI, business: str = "salon") -> list[Operation]:
    """Return every operation under /api/v1."""
    return [
        Operation(
            described["operationId"],
            method.upper(),
            re.sub(r"\{(\w+)\}", lambda name: _some(name[1], business), path),
            "application/json" in described.get("requestBody", {}).get("content", {}),
        )
        for path, methods in app.openapi()["paths"].items()
        if path.startswith("/api/v1/")
        for method, described in methods.items()
    ]


def _some(parameter: str, business: str) -> str:
    return {"business": business, "day": "2026-03-02"}.get(parameter, str(uuid4()))
