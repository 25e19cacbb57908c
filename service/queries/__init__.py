"""What only reads: SELECTs that answer one question each."""
