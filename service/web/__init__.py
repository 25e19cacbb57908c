"""Server-rendered pages: Jinja2 templates, one stylesheet, no script needed."""
