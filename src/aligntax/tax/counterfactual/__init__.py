"""What alarming words cost: the same requests in neutral words, and the same rewriting on harmful ones."""
