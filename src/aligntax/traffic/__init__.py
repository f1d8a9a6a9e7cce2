"""Logs become exchanges: one file a format, one reader for all."""
