"""OpenAI's API, and what the gateway does with a request."""
