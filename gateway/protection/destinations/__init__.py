"""Where to: rules by destination, and countries that are new."""
