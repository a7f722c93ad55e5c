"""Who may call: passwords, connected apps, grants, sessions, and the doors that hand them out."""
