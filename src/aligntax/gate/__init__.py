"""Measured figures held to a policy: pass, fail, or inconclusive with what would decide."""
