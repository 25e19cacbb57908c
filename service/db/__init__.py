"""PostgreSQL: the embedded server, the pool, migrations, rows to arrays."""
