"""For how much: budgets in money, and what texts cost."""
