"""The Tooling API: metadata as records that can be queried, created and changed over REST."""
