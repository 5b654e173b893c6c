"""Experiments on traffic: opened by people, judged by what users made of the answers."""
