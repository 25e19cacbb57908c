"""Every list comes a page at a time: `limit`, `cursor`, and the next page's address in a Link header (RFC 8288)."""

from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response

from service.api.schemas import Digits
from service.queries.paging import Page, PageOf

T = TypeVar("T")


class Pages:
    """The page that a request asks for."""

    def __init__(self, request: Request, response: Response, page: Page) -> None:
        self.page = page
        self._request, self._response = request, response

    def linked(self, rows: PageOf[T]) -> PageOf[T]:
        """Return the rows, having said where the next ones are."""
        if rows.next is not None:
            url = self._request.url.include_query_params(cursor=rows.next)
            self._response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return rows


async def pages_asked(
    request: Request,
    response: Response,
    limit: Annotated[Digits, Query(ge=1, le=1000, description="Rows of a page.")] = 100,
    cursor: Annotated[
        str | None,
        Query(min_length=1, max_length=2000, pattern=r"^[A-Za-z0-9_-]+$", description="From the Link header."),
    ] = None,
) -> Pages:
    """Return the page that a request asks for."""
    return Pages(request, response, Page(limit, cursor))


Paged = Annotated[Pages, Depends(pages_asked)]
