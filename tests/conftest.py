pytest_plugins = ["fix_simulator"]
