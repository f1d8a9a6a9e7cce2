"""The safety floor: how often a model helps with what is harmful, held to a ceiling and to another model."""
