"""What may happen in the sandbox: pure tables and small functions that read no clock, no database and no request."""
