"""A business's logo: a picture kept with its settings, or the address of one elsewhere."""

import base64
import binascii
import re

from fastapi import APIRouter, Response

from models.errors import InvalidInput, NotFound
from service.queries import storefronts
from service.web.pages import PageRoute
from service.web.visit import Visiting

router = APIRouter(include_in_schema=False, route_class=PageRoute)
LARGEST = 100_000
BEGINNINGS = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff", "webp": b"RIFF"}
"""How the files of the kinds that a logo may be begin."""
PICTURE = re.compile(r"data:(image/(?:png|jpeg|webp));base64,([A-Za-z0-9+/]+={0,2})", re.ASCII)


def data_url(content: bytes) -> str:
    """Return a picture as it is kept; raises `InvalidInput` for what is no small PNG, JPEG or WebP."""
    kind = next((kind for kind, beginning in BEGINNINGS.items() if content.startswith(beginning)), None)
    if kind is None or len(content) > LARGEST:
        raise InvalidInput("A logo is a PNG, JPEG or WebP of at most 100 KB.")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


@router.get("/b/{slug}/logo")
async def picture(visit: Visiting) -> Response:
    """The picture that a business keeps with its settings; its address changes with the business."""
    kept = PICTURE.fullmatch(await storefronts.logo(visit.db, visit.store.id))
    try:
        content = base64.b64decode(kept[2], validate=True) if kept else b""
    except binascii.Error:
        content = b""
    if not kept or not content:
        raise NotFound("There is no logo.")
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=kept[1], headers=headers)
