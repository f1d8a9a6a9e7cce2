"""`aligntax VERB`: parse, call, print."""
