"""What keeps strangers from spending."""
