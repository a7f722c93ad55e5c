"""The REST API under /api/v1: JSON over what the pages and commands read and do."""
