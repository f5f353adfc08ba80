"""What the listeners for Prometheus and OpenTelemetry count, and what the dashboard shows of it."""
