"""The nights: a year at a glance, each night's page, and whether notices reached people."""
