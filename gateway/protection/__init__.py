"""What keeps strangers from spending: rules by destination, limits, budgets."""
