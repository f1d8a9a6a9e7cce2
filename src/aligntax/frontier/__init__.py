"""Which settings are worth having: the Pareto set, under uncertainty and under the safety floor."""
