"""SOSL: the text of a FIND statement to queries over what the words are found in."""
