"""Whatever answers or scores: checkpoints of weights, and models loaded from them (extra `weights`)."""
