"""The HTTP API: one app over one store, for programs, for the shop's page and for any chat client."""
