"""How often: layered limits, and the same text twice."""
