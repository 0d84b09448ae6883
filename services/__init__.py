"""The processes: each talks to the others through tables and NOTIFY only."""
