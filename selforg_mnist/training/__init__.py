"""Training: sample pool, loss, optimizer, engines, the loop around them, and what it saves."""
