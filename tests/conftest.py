pytest_plugins = ["fix_gateway", "fix_nginx", "fix_simulator", "fix_store"]
