"""How the gateway follows the registry: adapters on every replica, checked before traffic moves."""
