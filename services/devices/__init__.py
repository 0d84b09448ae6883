"""The device side: recorded files and simulated fleets published over MQTT, as field devices would."""
