"""Database roles by name."""

APP_ROLE = "interlock_app"
"""What the service runs as: owns nothing, cannot bypass row-level security."""
