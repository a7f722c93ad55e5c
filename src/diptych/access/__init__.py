"""Who may use Diptych: users, their sessions, API tokens. Services over the store for pages, commands and the API."""
