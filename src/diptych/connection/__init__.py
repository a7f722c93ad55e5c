"""Set-up's ports, filled: its way to an org, its way to change one, and its sealed credentials."""
