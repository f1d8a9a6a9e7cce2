"""What a team allows: `aligntax.toml` read, checked, proposed, and what it makes of an audit's figures."""
