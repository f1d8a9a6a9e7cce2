"""What every stage of a training cost, against the one before and against the start."""
