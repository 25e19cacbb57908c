"""Secrets and what is made of them: the installation's keys, passwords, tokens. No rows, no requests."""
