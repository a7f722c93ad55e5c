"""Tables, reads and writes of the practice org's records."""
