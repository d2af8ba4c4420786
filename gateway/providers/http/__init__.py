"""HTTP to the providers: one way for calls of all kinds, a fast one for texts."""
