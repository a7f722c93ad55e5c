"""Merging, converting and deleting people from our side: looked at first, ordered, carried out (issue 4; decision 0015)."""
