"""A small trained classifier of prompt and response: hashed words and cues under a linear model."""
