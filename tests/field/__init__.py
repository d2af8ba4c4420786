"""What people of this trade reported in public, as tables: an input, and what becomes of it.

``python -m tests.field`` prints the tables with the results of today's code; the tests of each
room walk the same tables.
"""
