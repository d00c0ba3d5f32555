"""Real-time data: who claims what, and OpenD's subscriptions in line with it."""
