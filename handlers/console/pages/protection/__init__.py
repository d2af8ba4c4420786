"""Pages about what keeps strangers from spending."""
