"""What passed through the gateway, as chunks in the traffic folder; no answer waits for it."""
