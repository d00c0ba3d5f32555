"""An order's way: its intent, and the one attempt to send it."""
