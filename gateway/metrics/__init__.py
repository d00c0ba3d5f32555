"""What is counted and measured: the table of metrics, their files, and what is sampled.

`table` imports prometheus_client, which decides at its import, by the environment variable that
`files` sets, that the workers share their figures; so nothing else here imports `table` by itself.
"""
