"""What is measured: one file a component of the tax, every number an Estimate."""
