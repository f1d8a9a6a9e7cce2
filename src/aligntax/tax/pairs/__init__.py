"""What changed between two models, measured on the same items: one file a component."""
