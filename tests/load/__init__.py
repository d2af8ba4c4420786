"""Load benchmarks: how many requests one process answers, and what each costs."""
