"""Words that set refusals off: which go with them in a log, and which cause them when a model is asked."""
