"""People, companies and dirt: the generator of what a real org looks like."""
