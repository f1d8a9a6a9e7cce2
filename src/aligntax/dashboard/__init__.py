"""Web pages over the ledger, and the labelling screen."""
