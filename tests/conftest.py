pytest_plugins = ["fix_gateway", "fix_simulator", "fix_store"]
