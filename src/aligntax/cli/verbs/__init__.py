"""One file a command: its options. What it does stands in the module of its name in `aligntax.cli`."""
