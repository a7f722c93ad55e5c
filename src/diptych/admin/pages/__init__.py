"""One module a group of pages: what they read, what their forms do."""
