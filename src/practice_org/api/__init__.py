"""Handlers for the paths below `/services/data/v{version}`."""
