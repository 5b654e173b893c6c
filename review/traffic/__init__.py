"""What gateways and users said of versions: where the traffic goes, and experiments on it."""
