"""The orders that the control plane takes, one noun a module."""
