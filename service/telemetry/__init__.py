"""What an installation tells of itself: logs and metrics."""
