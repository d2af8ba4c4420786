"""HTTP in, one service call, JSON out."""
