"""Says how long a machine will last, and how sure that is."""
