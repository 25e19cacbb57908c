"""Cells of tables that spreadsheets open: none is a formula (OWASP, CSV injection)."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of one."""


def guarded(cell: object) -> object:
    """Return a cell as it goes out: an apostrophe in front where a spreadsheet would compute it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def plain(cell: str) -> str:
    """Return a cell that comes in as it was before it went out."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA) else cell
