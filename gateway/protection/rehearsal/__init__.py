"""What other rules, limits and budgets would have done to the messages of the last days."""
