"""A series as a chart: which source each stretch is read from, and which of its points are shown."""
