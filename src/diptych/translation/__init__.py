"""What the engine says, in the language of whoever reads it; dates and numbers as that language writes them."""
