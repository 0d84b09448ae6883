"""What analytics counts for Prometheus; never a label per asset."""

from prometheus_client import Counter, Gauge, Histogram

PASSES = Counter("vouch_analytics_passes", "Passes of the judgement path.")
PASS_SECONDS = Histogram(
    "vouch_analytics_pass_seconds", "Duration of a pass.", buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
)
WINDOWS = Counter("vouch_analytics_windows", "Windows of assets derived.")
ASSESSMENTS = Counter("vouch_analytics_assessments", "Assessments that differed from the stored one.")
FAILURES = Counter("vouch_analytics_failures", "Assets and contracts that a pass had to leave as they were.", ["stage"])
TRANSITIONS = Counter("vouch_analytics_transitions", "Alerts opened and closed.", ["kind", "to_state"])
DELIVERIES = Counter("vouch_analytics_deliveries", "Attempts to deliver an alert.", ["outcome"])
BACKLOG = Gauge("vouch_analytics_backlog_marks", "Dirty marks that wait after a pass.")
OUTBOX = Gauge("vouch_analytics_outbox_messages", "Messages that wait to be delivered.")
PREDICTIONS = Counter("vouch_analytics_predictions", "Predictions made of components of machines.")
