"""What keeps strangers from spending: limits in layers, and the same text sent once."""
