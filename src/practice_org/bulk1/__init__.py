"""The Bulk API 1.0, below `/services/async`: jobs of batches, in JSON, CSV and XML (spec 5.9)."""
