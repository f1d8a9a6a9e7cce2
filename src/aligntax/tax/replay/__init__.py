"""A log's own requests put before two models: which are drawn, what they come to for all of the log."""
