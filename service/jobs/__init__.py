"""Work that outlives one request: replays of past demand, and what runs on a schedule."""
