"""What must survive: limits in use, intents, idempotency records, the kill switch."""
