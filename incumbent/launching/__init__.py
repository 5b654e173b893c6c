"""The project's run on a machine of any cloud, rented and started by SkyPilot."""
