"""The only place that runs SQL: one module a table family, named queries beside it."""
