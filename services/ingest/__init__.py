"""MQTT to rows: the only service that knows paho, beside the devices."""
