"""CloudWatch's metrics on this machine: read from logs, and judged as alarms judge them."""
