"""The pages on which a salesperson looks at and edits records."""
