"""The control plane: what tests and demonstrations order the practice org to do."""
