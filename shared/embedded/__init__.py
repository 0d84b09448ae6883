"""A private PostgreSQL/TimescaleDB and MQTT broker for one machine: demo and tests."""
