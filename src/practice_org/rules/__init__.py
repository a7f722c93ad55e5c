"""Business rules: what administrators of an org forbid, compare, assign and automate (spec 5.11)."""
