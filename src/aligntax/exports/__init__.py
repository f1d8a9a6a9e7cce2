"""Figures handed to other systems, each with its interval, its n, its method and its detector."""
