"""How the classifier is made: examples from files of labels, a fit, and what it is worth."""
