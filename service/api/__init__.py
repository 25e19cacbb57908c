"""REST under /api/v1: the edge where requests become commands and errors become problem documents."""
