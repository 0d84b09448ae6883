"""Watching machines for anomalies: what is learnt of each, and what it says of the time after."""
