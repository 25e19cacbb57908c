"""A business's colour as a stylesheet, legible on light and on dark."""

import colorsys
import re

from fastapi import APIRouter, Response

from models.errors import NotFound

router = APIRouter(include_in_schema=False)
CARD_LIGHT, CARD_DARK = (255, 255, 255), (26, 32, 40)
INK_LIGHT, INK_DARK = (255, 255, 255), (8, 17, 29)
READABLE = 4.5
"""The contrast that text needs (WCAG 2.2, 1.4.3)."""
STEPS = 50
"""Shades between a colour and black or white."""
RGB = tuple[int, int, int]


@router.get("/theme/{colour}.css")
async def theme(colour: str) -> Response:
    """Return the accent of a colour rrggbb; it never changes."""
    if not re.fullmatch(r"[0-9a-f]{6}", colour):
        raise NotFound("There is no such colour.")
    rgb = (int(colour[:2], 16), int(colour[2:4], 16), int(colour[4:], 16))
    light, dark = readable(rgb, CARD_LIGHT), readable(rgb, CARD_DARK)
    sheet = f":root{{--accent:{_hex(light)};--on-accent:{_hex(_ink(light))}}}"
    sheet += f"@media(prefers-color-scheme:dark){{:root{{--accent:{_hex(dark)};--on-accent:{_hex(_ink(dark))}}}}}"
    return Response(sheet, media_type="text/css", headers={"Cache-Control": "public, max-age=31536000, immutable"})


def readable(colour: RGB, ground: RGB) -> RGB:
    """Return the nearest shade of a colour that text may have on a ground."""
    hue, light, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    end = 0.0 if luminance(ground) > 0.5 else 1.0
    shades = (_rgb(hue, light + (end - light) * step / STEPS, saturation) for step in range(STEPS + 1))
    return next(shade for shade in shades if contrast(shade, ground) >= READABLE)


def contrast(one: RGB, other: RGB) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: RGB) -> float:
    """Return the relative luminance of a colour, 0 to 1 (WCAG 2.2)."""
    r, g, b = (c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _ink(ground: RGB) -> RGB:
    return max(INK_LIGHT, INK_DARK, key=lambda ink: contrast(ink, ground))


def _rgb(hue: float, light: float, saturation: float) -> RGB:
    r, g, b = (round(c * 255) for c in colorsys.hls_to_rgb(hue, light, saturation))
    return r, g, b


def _hex(colour: RGB) -> str:
    return f"#{colour[0]:02x}{colour[1]:02x}{colour[2]:02x}"
