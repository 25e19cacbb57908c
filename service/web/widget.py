"""The widget: one script tag on a business's own site puts the booking page into a frame there."""

from fastapi import APIRouter
from fastapi.responses import FileResponse

from service.web.pages import HERE

router = APIRouter(include_in_schema=False)


@router.get("/widget.js")
async def script() -> FileResponse:
    """Return the script; its address stays, so browsers ask for it anew every hour."""
    headers = {"Cache-Control": "public, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
    return FileResponse(HERE / "static" / "widget.js", media_type="text/javascript", headers=headers)
