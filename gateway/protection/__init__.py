"""What keeps strangers from spending: rules by destination, limits, the same text sent once."""
