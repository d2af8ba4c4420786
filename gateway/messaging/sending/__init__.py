"""The way out of every text: its turn, its price, the request, what became of it."""
