"""One blueprint a domain; each binds its rows of the route table."""
