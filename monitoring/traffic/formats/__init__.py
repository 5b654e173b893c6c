"""Logs that teams have already, each as rows of traffic: a file a tool."""
