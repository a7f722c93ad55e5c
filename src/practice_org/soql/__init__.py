"""SOQL: text to tree (parser), tree to SQLite's SQL (compiler), rows to answers (shape)."""
