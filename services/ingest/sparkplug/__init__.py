"""Sparkplug B 3.0, the host application's side: nodes and devices are born, report by alias, and die."""
