pytest_plugins = ["fix_simulator", "fix_store"]
