"""Short links in texts: where they lead, who opens them, and ranges in which nobody does."""
