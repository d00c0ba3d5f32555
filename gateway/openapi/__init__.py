"""The OpenAPI document: what the gateway takes and answers, made from the route table and the contract."""
