"""Subscriptions: what real-time reads need, and what a new session has to be told again."""
