"""Signing in with an OpenID Connect provider: authorization code with PKCE, nothing kept but who it was."""
