"""What a person asks for, the same behind pages, commands and the API; built on the engine and on reads of the store."""
