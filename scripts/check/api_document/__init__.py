"""The OpenAPI document of the shop API, and the check of its changes."""
