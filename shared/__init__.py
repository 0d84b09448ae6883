"""What the services have in common; imports no service."""
