"""Prompt sets that probe a model: what they hold and where they come from; the packs written for aligntax."""
