"""The e-mail channel: what a message looks like, the outbox that sends each one once, and the way to stop them."""
