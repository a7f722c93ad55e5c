"""Objects and fields: the catalogue, custom fields, describe, and who may see what."""
