"""SMS providers: their wire words, code tables and signatures end in this folder."""
