"""What an installation tells of itself: logs, metrics, and traces where they are wanted."""
