"""What becomes of records beyond create, update and delete: leads converted, duplicates merged."""
