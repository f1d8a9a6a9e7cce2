"""Models that are asked: through Inspect, from any provider or URL, each request paid for once."""
