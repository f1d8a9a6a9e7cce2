"""Results of evaluations are read as answers: one file a format."""
