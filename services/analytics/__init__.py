"""Rows to judgements to alerts."""
